"""The files that training writes: metrics, checkpoints, and the settings of an extension."""

from dataclasses import asdict, replace

from seatbelt_vae.config import RunConfig
from seatbelt_vae.config.non_default import non_default
from seatbelt_vae.data import ImageData
from seatbelt_vae.data.identity import store_identity
from seatbelt_vae.models import save_model
from seatbelt_vae.parallel.process_group import process_group
from seatbelt_vae.runs import RunFolder, digest_of
from seatbelt_vae.training.checkpoint import Checkpoint
from seatbelt_vae.training.conditions import Conditions
from seatbelt_vae.training.continuation import decisive, extend, is_longer, move_data
from seatbelt_vae.training.metrics import Metrics
from seatbelt_vae.training.trackers import Trackers
from seatbelt_vae.training.trainer import Trainer

__all__ = ["Recorder"]


class Recorder:
    """Writes metrics and checkpoints; in a process group only the first process writes.

    Args:
        folder: the run folder.
        settings: the settings of the training.
        trainer: the state that is stored.
    """

    def __init__(self, folder: RunFolder, settings: RunConfig, trainer: Trainer) -> None:
        self._folder, self._settings, self._trainer = folder, settings, trainer
        self._group = process_group()
        self._writes = self._group.rank == 0
        self._conditions = Conditions.here(trainer.device, settings.training.precision)
        self._checkpoint = _checkpoint(folder, trainer.batches.data)
        self._trackers: Trackers | None = None

    def resume(self) -> int | None:
        """Load the newest checkpoint; returns its step, None if training is finished.

        Raises:
            ArtifactError: no whole checkpoint, or the folder cannot be written.
            ForeignStateError: the checkpoint belongs to other settings or data.
        """
        step, tensors = self._checkpoint.newest(self._conditions)
        if self._writes:
            store_identity(self._folder.path, self._trainer.batches.data)
            if self._settings.data.root != self._folder.config.data.root:
                self._checkpoint.renew(step)
                move_data(self._folder, self._settings)
        is_stored = (self._folder.path / "model.safetensors").exists()
        finished = step >= self._trainer.steps and is_stored
        # The first process decides for all: another one could see the model that it writes later.
        if self._group.any(finished and self._writes):
            return None
        if step:
            self._trainer.load(tensors)
        if self._writes:
            self._open(step)
        return step

    def _open(self, step: int) -> None:
        """Delete files beyond a step, and store longer settings."""
        if is_longer(self._folder, self._settings, len(self._trainer.batches.data.train)):
            # checkpoints of earlier versions are valid for the stored number of steps only
            self._checkpoint.renew(step)
            extend(self._folder, self._settings, step, self._trainer.steps)
        self._checkpoint.clear(beyond=step)
        self._folder.write_json("model.json", asdict(self._trainer.model.architecture))
        self._metrics = Metrics(self._folder.path / "metrics", step)
        if names := self._settings.training.trackers:
            self._trackers = Trackers(names, self._folder.path, self._settings)

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
            self._checkpoint.save(step, self._trainer.tensors(), self._conditions)
        self._group.barrier()

    def save_model(self) -> None:
        """Write the trained model; every process waits until it is stored."""
        if self._writes:
            save_model(self._trainer.result, self._folder)
        self._group.barrier()

    def close(self) -> None:
        """Close the trackers."""
        if self._trackers is not None:
            self._trackers.close()


def _checkpoint(folder: RunFolder, data: ImageData) -> Checkpoint:
    settings, count = folder.config, len(data.train)
    return Checkpoint(
        folder.path / "checkpoints",
        digest_of(
            {"decisive": non_default(decisive(settings)), "train": count, "images": data.identity}
        ),
        earlier=(
            digest_of({"decisive": _with_root(settings), "train": count, "images": data.identity}),
            digest_of({"settings": non_default(settings), "train": count, "images": data.identity}),
            digest_of({"settings": _first(settings), "train": count, "data": data.name}),
        ),
    )


def _with_root(settings: RunConfig) -> dict[str, dict[str, object]]:
    """The decisive settings of versions in which data could not move."""
    return non_default(replace(decisive(settings), data=settings.data))


def _first(settings: RunConfig) -> dict[str, object]:
    """The settings that the first version had in its digests."""
    table = asdict(settings)
    del table["training"]["schedule"]
    return table
