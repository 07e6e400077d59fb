"""The training loop."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict

from seatbelt_vae.config.non_default import non_default
from seatbelt_vae.data import ImageData
from seatbelt_vae.data.identity import in_split_of, store_identity
from seatbelt_vae.models import HierarchicalVAE, load_model, save_model
from seatbelt_vae.parallel.process_group import ProcessGroup, process_group
from seatbelt_vae.runs import RunFolder, digest_of
from seatbelt_vae.training.checkpoint import Checkpoint
from seatbelt_vae.training.conditions import Conditions
from seatbelt_vae.training.health import warn_of_collapse
from seatbelt_vae.training.metrics import Metrics
from seatbelt_vae.training.progress import Clock, Progress
from seatbelt_vae.training.trackers import Trackers
from seatbelt_vae.training.trainer import Trainer

__all__ = ["train"]


def train(
    folder: RunFolder,
    data: ImageData,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> HierarchicalVAE:
    """Train the model that a run folder's settings describe, or resume its training.

    The optimiser is Adam with a cosine decay of the learning rate to 0. On the CPU a resumed run
    ends in the same weights, bit for bit, as an uninterrupted one.

    In a torch process group, such as torchrun's, the processes share every batch. The TC, free bits
    and batch normalisation use all its rows. Images and noise do not depend on the number of
    processes, so that results agree up to rounding. The first process writes the files.

    Args:
        folder: a run folder, new or with checkpoints of the same settings.
        data: the data set named in the settings.
        on_progress: called after every step.
        stop: called after every step; if it returns true, a checkpoint is written and the
            unfinished model is returned.

    Raises:
        ConfigError: settings that do not fit the data or the number of processes.
        DivergenceError: a term or the gradient is not finite, or the objective runs away.
        ArtifactError: the disk is full, or the checkpoints are corrupt.
        ForeignStateError: checkpoints of other settings, or data that lack images of the run.
    """
    data = in_split_of(folder.path, data)
    trainer, settings = Trainer(folder.config, data), folder.config
    group = process_group()
    checkpoint = _checkpoint(folder, data)
    conditions = Conditions.here(trainer.device, settings.training.precision)
    done, tensors = checkpoint.newest(conditions)
    if group.rank == 0:
        store_identity(folder.path, data)
    finished = done >= trainer.steps and (folder.path / "model.safetensors").exists()
    # the first process decides: it may write the model before another process looks for it
    if group.any(finished and group.rank == 0):
        return load_model(folder)
    if done:
        trainer.load(tensors)
    trainer.keep_images_on_device()
    recorder = _Recorder(folder, checkpoint, conditions, trainer, group, done)
    clock = Clock(settings.training.batch_size, done)
    with closing(recorder), closing(trainer.batches.images(done + 1, trainer.steps)) as images:
        for step, x in enumerate(images, start=done + 1):
            terms = trainer.step(step, x)
            recorder.add(step, "train", **terms)
            if step % settings.training.validate_every == 0 or step == trainer.steps:
                validation = trainer.validate()
                recorder.add(step, "validation", **validation)
                if step == trainer.steps and group.rank == 0:
                    warn_of_collapse(validation)
            if on_progress is not None:
                on_progress(clock.progress(step, trainer.steps, terms))
            # every process must stop after the same step
            stopping = group.any(stop is not None and stop())
            if stopping or step % settings.training.checkpoint_every == 0 or step == trainer.steps:
                recorder.save(step)
            if stopping and step < trainer.steps:
                return trainer.result.eval()
    if group.rank == 0:
        save_model(trainer.result, folder)
    group.barrier()
    return load_model(folder)


class _Recorder:
    """Writes metrics and checkpoints; in a process group only the first process writes."""

    def __init__(
        self,
        folder: RunFolder,
        checkpoint: Checkpoint,
        conditions: Conditions,
        trainer: Trainer,
        group: ProcessGroup,
        step: int,
    ) -> None:
        self._checkpoint, self._conditions, self._trainee = checkpoint, conditions, trainer
        self._group, self._writes = group, group.rank == 0
        self._trackers: Trackers | None = None
        if self._writes:
            checkpoint.clear(beyond=step)
            folder.write_json("model.json", asdict(trainer.model.architecture))
            self._metrics = Metrics(folder.path / "metrics", step)
            if names := folder.config.training.trackers:
                self._trackers = Trackers(names, folder.path, folder.config)

    def add(self, step: int, split: str, **values: float) -> None:
        """Record one row of metrics."""
        if self._writes:
            self._metrics.add(step, split, **values)
        if self._trackers is not None:
            self._trackers.log(step, split, values)

    def save(self, step: int) -> None:
        """Write the metrics and a checkpoint; every process waits until they are stored."""
        if self._writes:
            self._metrics.flush(step)
            self._checkpoint.save(step, self._trainee.tensors(), self._conditions)
        self._group.barrier()

    def close(self) -> None:
        """Close the trackers."""
        if self._trackers is not None:
            self._trackers.close()


def _checkpoint(folder: RunFolder, data: ImageData) -> Checkpoint:
    settings, count = folder.config, len(data.train)
    return Checkpoint(
        folder.path / "checkpoints",
        digest_of({"settings": non_default(settings), "train": count, "images": data.identity}),
        earlier=digest_of({"settings": asdict(settings), "train": count, "data": data.name}),
    )
