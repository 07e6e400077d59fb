"""The training loop."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial

from seatbelt_vae.config import RunConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.data.identity import in_split_of
from seatbelt_vae.models import HierarchicalVAE, load_model
from seatbelt_vae.parallel.process_group import process_group
from seatbelt_vae.parallel.sole_worker import sole_worker
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.training.continuation import check_continues
from seatbelt_vae.training.health import warn_of_collapse
from seatbelt_vae.training.progress import Clock, Progress
from seatbelt_vae.training.recorder import Recorder
from seatbelt_vae.training.trackers import check_trackers
from seatbelt_vae.training.trainer import Trainer

__all__ = ["train"]


def train(
    folder: RunFolder,
    data: ImageData,
    *,
    settings: RunConfig | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> HierarchicalVAE:
    """Train the model that a run folder's settings describe; resume or extend its training.

    The optimiser is Adam. On the CPU a resumed run ends in the same weights, bit for bit, as an
    uninterrupted one. An extended run equals a longer one if its `schedule` is ``constant``; with
    ``cosine`` it goes on at the learning rate of the longer cosine.

    In a torch process group, such as torchrun's, the processes share every batch. The TC, free bits
    and batch normalisation use all its rows. Images and noise do not depend on the number of
    processes, so that results agree up to rounding. The first process writes the files.

    Args:
        folder: a run folder, new or with checkpoints of the same settings.
        data: the data set named in the settings.
        settings: settings of this call (default: the stored ones). Those of `SPEED_ONLY` may
            differ; more steps extend the run and are stored.
        on_progress: called after every step.
        stop: called after every step; if it returns true, a checkpoint is written and the
            unfinished model is returned.

    Raises:
        ConfigError: settings that do not fit the data or the number of processes; fewer steps.
        DivergenceError: a term or the gradient is not finite, or the objective runs away.
        ArtifactError: another process trains, the disk is full, or the checkpoints are corrupt.
        ForeignStateError: settings or checkpoints of another run, or data that lack its images.
    """
    data = in_split_of(folder.path, data)
    settings = settings or folder.config
    check_continues(folder, settings, len(data.train))
    check_trackers(settings.training.trackers)
    trainer = Trainer(settings, data)
    with ExitStack() as stack:
        lock = partial(stack.enter_context, sole_worker(folder.path, "training"))
        process_group().first_then_others(lock, lambda: None)
        recorder = stack.enter_context(closing(Recorder(folder, settings, trainer)))
        done = recorder.resume()
        if done is not None:
            trainer.keep_images_on_device()
            if not _train_on(trainer, recorder, done, on_progress, stop):
                return trainer.result.eval()
            recorder.save_model()
        return load_model(folder)


def _train_on(
    trainer: Trainer,
    recorder: Recorder,
    done: int,
    on_progress: Callable[[Progress], None] | None,
    stop: Callable[[], bool] | None,
) -> bool:
    """Train from step ``done`` + 1 to the last one; False if it was stopped before."""
    config, last, group = trainer.config, trainer.steps, process_group()
    clock = Clock(config.batch_size, done)
    with closing(trainer.batches.images(done + 1, last)) as images:
        for step, x in enumerate(images, start=done + 1):
            terms = trainer.step(step, x)
            recorder.add(step, "train", **terms)
            if step % config.validate_every == 0 or step == last:
                validation = trainer.validate()
                recorder.add(step, "validation", **validation)
                if step == last and group.rank == 0:
                    warn_of_collapse(validation)
            if on_progress is not None:
                on_progress(clock.progress(step, last, terms))
            # every process must stop after the same step
            stopping = group.any(stop is not None and stop())
            if stopping or step % config.checkpoint_every == 0 or step == last:
                recorder.save(step)
            if stopping and step < last:
                return False
    return True
