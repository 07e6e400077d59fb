"""The hardening of one subject in one folder: images, steps, checkpoints and results."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seatbelt_vae.config.hardening import HardeningConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.data.dataset import Indices, Split
from seatbelt_vae.data.identity import IDENTITY
from seatbelt_vae.errors import ArtifactError, ForeignStateError
from seatbelt_vae.hardening.encoder_weights import EncoderWeights, statistics
from seatbelt_vae.hardening.hardener import Hardener
from seatbelt_vae.hardening.hardening_loss import HardeningLoss
from seatbelt_vae.models import HierarchicalVAE, save_model
from seatbelt_vae.protocol import as_inputs
from seatbelt_vae.runs import FORMAT, RunFolder, atomic_write, digest_of, write_json
from seatbelt_vae.runs.checked_files import checked_table
from seatbelt_vae.runs.contents import ATTEMPTS, HARDENED
from seatbelt_vae.subjects import Subject, subject_of_run
from seatbelt_vae.subjects.hardened_folder import hardened, store_hardened
from seatbelt_vae.training.batches import Batches
from seatbelt_vae.training.checkpoint import Checkpoint
from seatbelt_vae.training.conditions import Conditions

__all__ = ["WORK", "Hardened", "HardeningWork", "OnProgress"]

OnProgress = Callable[[int, int, dict[str, float]], None]

WORK = "hardening"
"""The folder of unfinished work in the folder of the result."""

_PLAN = "plan.json"
_SAMPLE, _HELD_OUT = 2048, 1024
_SPEED_ONLY = ("threads", "checkpoint_every")
_NUMBERS = ("error_before", "error_after", "code_shift")


@dataclass(frozen=True)
class Hardened:
    """A hardened subject and its cost in clean images.

    Args:
        subject: the subject, with its results in the new folder.
        steps: the number of optimiser steps.
        error_before, error_after: mean ‖rec(x)−x‖² of held-out images.
        code_shift: mean squared change of held-out statistics (μ, log σ²), in variances over the
            data.
    """

    subject: Subject
    steps: int
    error_before: float
    error_after: float
    code_shift: float


def _stored_identity(folder: Path) -> dict[str, Any] | None:
    """The identity of the hardening that a folder holds; None for an empty one.

    Raises:
        ArtifactError: the folder holds something else.
    """
    for path in (folder / HARDENED, folder / WORK / _PLAN):
        if path.exists():
            identity: dict[str, Any] = checked_table(path, ["identity"])["identity"]
            return identity
    unknown = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
    if unknown - {WORK, IDENTITY, ATTEMPTS}:
        raise ArtifactError(f"{folder} exists and is not empty: give another folder with --out")
    return None


@dataclass(frozen=True)
class HardeningWork:
    """The hardening of one subject in one folder.

    Args:
        subject: the subject, with a model of its own.
        data: the images in the bounds of the model.
        config: the settings.
        folder: the folder.
        identity: digests of model, images and settings.
    """

    subject: Subject
    data: ImageData
    config: HardeningConfig
    folder: Path
    identity: dict[str, Any]

    @classmethod
    def of(
        cls, given: Subject, data: ImageData, config: HardeningConfig, folder: Path
    ) -> "HardeningWork":
        """The work in a new folder, or in one that holds a hardening of the same.

        Raises:
            ArtifactError, ForeignStateError: as for `defend`.
        """
        stored = _stored_identity(folder)
        if given.folder is not None and (given.folder / HARDENED).exists():
            given = replace(given, source=str(given.folder))
        subject = replace(given, model=deepcopy(given.model))
        if subject.kind != "run":
            subject = subject.stored_in(folder)
        images = subject.images(data)
        settings = {k: v for k, v in asdict(config).items() if k not in _SPEED_ONLY}
        identity = {"model": given.digest, "images": images.identity, "settings": settings}
        if stored not in (None, identity):
            differing = ", ".join(k for k in identity if (stored or {}).get(k) != identity[k])
            raise ForeignStateError(
                f"{folder} holds a hardening with other {differing}: give another folder with --out"
            )
        return cls(subject, images, config, folder, identity)

    @cached_property
    def device(self) -> torch.device:
        """The device of the model."""
        return as_inputs(self.subject.model, np.zeros(1, np.float32)).device

    @cached_property
    def hardener(self) -> Hardener:
        """The state of the hardening, before the first step."""
        sample = self._images(self.data.train, np.arange(min(_SAMPLE, len(self.data.train))))
        model = self.subject.model
        encoder = EncoderWeights.of(model, sample[:2])
        return Hardener(HardeningLoss.of(model, encoder, self.config, sample), self.config)

    @cached_property
    def batches(self) -> Batches:
        """The positions of the images of each step."""
        size = min(self.config.batch_size, len(self.data.train))
        return Batches(self.data, size, self.config.seed, self.device)

    @property
    def first_batch(self) -> Tensor:
        """The images of the first step."""
        return self._batch(1)

    def run(self, on_progress: OnProgress, stop: Callable[[], bool]) -> bool:
        """Harden from the newest checkpoint to the last step; False if it was stopped before."""
        checkpoint = Checkpoint(self.folder / WORK / "checkpoints", digest_of(self.identity))
        conditions = Conditions.here(self.device, "float32")
        done, tensors = checkpoint.newest(conditions)
        if done:
            self.hardener.load(tensors)
        last = self.steps
        for step in range(done + 1, last + 1):
            terms = self.hardener.step(step, last, self._batch(step))
            on_progress(step, last, terms)
            stopping = stop() and step < last
            if stopping or step % self.config.checkpoint_every == 0 or step == last:
                checkpoint.save(step, self.hardener.tensors(), conditions)
            if stopping:
                return False
        return True

    @cached_property
    def steps(self) -> int:
        """The number of steps, that of the settings or measured; stored before the first step."""
        path = self.folder / WORK / _PLAN
        if path.exists():
            return int(checked_table(path, ["steps"])["steps"])
        steps = self.config.steps
        if self.config.minutes is not None:
            duration = self.hardener.seconds_per_step(self.first_batch)
            steps = max(1, int(60 * self.config.minutes / duration))
        write_json(path, {"format": FORMAT, "identity": self.identity, "steps": steps})
        return steps

    def store(self) -> Hardened:
        """Write the hardened subject."""
        encoder, model = self.hardener.loss.encoder, self.subject.model
        with encoder.as_before():
            before, codes = self._clean()
        after, moved = self._clean()
        shift = (moved - codes).square().mean(0) / self.hardener.loss.covariance
        about = {
            "identity": self.identity,
            "source": self.subject.source,
            "steps": self.steps,
            "error_before": before,
            "error_after": after,
            "code_shift": float(shift.mean()),
        }
        if isinstance(model, HierarchicalVAE) and model.trained_as is not None:
            run = RunFolder(self.folder)
            save_model(model, run)
            split = self.subject.place / IDENTITY
            if split.exists():
                atomic_write(self.folder / IDENTITY, split.read_bytes())
            write_json(self.folder / HARDENED, {"format": FORMAT, **about})
            run.store_config(model.trained_as)
        else:
            store_hardened(self.subject, self.folder, list(encoder.parameters), about)
        return self.finished()

    def finished(self) -> Hardened:
        """The stored result."""
        about = checked_table(self.folder / HARDENED, ["steps", *_NUMBERS])
        subject = (
            subject_of_run(RunFolder.open(self.folder))
            if (self.folder / "run.json").exists()
            else hardened(self.folder, self.subject)
        )
        return Hardened(subject, int(about["steps"]), *(float(about[name]) for name in _NUMBERS))

    def _images(self, split: Split, positions: Indices) -> Tensor:
        return split.batch(positions).to(self.device)

    def _batch(self, step: int) -> Tensor:
        return self._images(self.data.train, self.batches.positions(step))

    @torch.no_grad()
    def _clean(self) -> tuple[float, Tensor]:
        """The mean ‖rec(x)−x‖² of held-out images, and their statistics."""
        model, errors, found = self.subject.model, [], []
        places = np.arange(min(_HELD_OUT, len(self.data.test)))
        for part in np.array_split(places, -(-len(places) // self.config.batch_size)):
            x = self._images(self.data.test, part)
            posterior = model.encode(x)
            errors.append((model.decode(posterior.z).mean - x).flatten(1).square().sum(1))
            found.append(statistics(posterior))
        return float(torch.cat(errors).mean()), torch.cat(found)
