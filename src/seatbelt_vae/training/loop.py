"""The training loop."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict

from seatbelt_vae.config.non_default import non_default
from seatbelt_vae.data import ImageData
from seatbelt_vae.models import HierarchicalVAE, load_model, save_model
from seatbelt_vae.parallel.process_group import ProcessGroup, process_group
from seatbelt_vae.runs import RunFolder, digest_of
from seatbelt_vae.training.checkpoint import Checkpoint
from seatbelt_vae.training.conditions import Conditions
from seatbelt_vae.training.health import warn_of_collapse
from seatbelt_vae.training.metrics import Metrics
from seatbelt_vae.training.progress import Clock, Progress
from seatbelt_vae.training.trackers import Trackers
from seatbelt_vae.training.trainee import Trainee

__all__ = ["train"]


def train(
    folder: RunFolder,
    data: ImageData,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> HierarchicalVAE:
    """Train the model that a run folder's settings describe; continue where it was left.

    Adam with a cosine decay of the learning rate to 0. On the CPU a run that was stopped or killed
    at any step and started again ends in the same weights, bit for bit, as one that was not.

    In a torch process group (as torchrun makes it) the processes share every batch: the TC, free
    bits and batch normalisation see all its rows, and its images and noise are those of a single
    process, so that the numbers are the same but for rounding. The first process writes.

    Args:
        folder: a run folder, new or with checkpoints of the same settings.
        data: the data set the settings name.
        on_progress: called after every step.
        stop: asked after every step; if true, a checkpoint is written and the model returned as
            it is, unfinished.

    Raises:
        ConfigError: settings that do not fit the data or the number of processes.
        DivergenceError: a term or the gradient is not finite, or the objective runs away.
        ArtifactError: the disk is full, or the checkpoints are corrupt.
        ForeignStateError: checkpoints of other settings or data.
    """
    trainee, settings = Trainee(folder.config, data), folder.config
    group = process_group()
    checkpoint = _checkpoint(folder, data)
    conditions = Conditions.here(trainee.device, settings.training.precision)
    done, tensors = checkpoint.newest(conditions)
    finished = done >= trainee.steps and (folder.path / "model.safetensors").exists()
    # the first worker's answer: it may have written the model before another one looks
    if group.any(finished and group.rank == 0):
        return load_model(folder)
    if done:
        trainee.load(tensors)
    trainee.keep_images_on_device()
    recorder = _Recorder(folder, checkpoint, conditions, trainee, group, done)
    clock = Clock(settings.training.batch_size, done)
    with closing(recorder), closing(trainee.batches.images(done + 1, trainee.steps)) as images:
        for step, x in enumerate(images, start=done + 1):
            terms = trainee.step(step, x)
            recorder.add(step, "train", **terms)
            if step % settings.training.validate_every == 0 or step == trainee.steps:
                validation = trainee.validate()
                recorder.add(step, "validation", **validation)
                if step == trainee.steps and group.rank == 0:
                    warn_of_collapse(validation)
            if on_progress is not None:
                on_progress(clock.progress(step, trainee.steps, terms))
            # all of them must stop after the same step
            stopping = group.any(stop is not None and stop())
            if stopping or step % settings.training.checkpoint_every == 0 or step == trainee.steps:
                recorder.save(step)
            if stopping and step < trainee.steps:
                return trainee.result.eval()
    if group.rank == 0:
        save_model(trainee.result, folder)
    group.barrier()
    return load_model(folder)


class _Recorder:
    """What a run leaves in its folder while it runs; of several workers the first writes it."""

    def __init__(
        self,
        folder: RunFolder,
        checkpoint: Checkpoint,
        conditions: Conditions,
        trainee: Trainee,
        group: ProcessGroup,
        step: int,
    ) -> None:
        self._checkpoint, self._conditions, self._trainee = checkpoint, conditions, trainee
        self._group, self._writes = group, group.rank == 0
        self._trackers: Trackers | None = None
        if self._writes:
            checkpoint.clear(beyond=step)
            folder.write_json("model.json", asdict(trainee.model.architecture))
            self._metrics = Metrics(folder.path / "metrics", step)
            if names := folder.config.training.trackers:
                self._trackers = Trackers(names, folder.path, folder.config)

    def add(self, step: int, split: str, **values: float) -> None:
        """Keep one row of metrics."""
        if self._writes:
            self._metrics.add(step, split, **values)
        if self._trackers is not None:
            self._trackers.log(step, split, values)

    def save(self, step: int) -> None:
        """Write the metrics and a checkpoint; no worker goes on before it is there."""
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
