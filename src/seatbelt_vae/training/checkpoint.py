"""Checkpoints: one directory each, written atomically, with the full state of training.

Data order and noise are functions of (seed, step); the state is weights, optimiser and step.
"""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from seatbelt_vae.errors import ArtifactError, ForeignStateError, UnreadableError
from seatbelt_vae.runs import (
    atomic_directory,
    atomic_write,
    digest_of,
    read_json,
    read_tensors,
    write_json,
    write_tensors,
)
from seatbelt_vae.training.conditions import Conditions

__all__ = ["Checkpoint"]

logger = logging.getLogger(__name__)

_KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoints of one run.

    Args:
        folder: their folder, with one directory ``step-<n>`` each; the file ``latest`` names the
            newest for human readers.
        run: digest of the settings and the data.
        earlier: the same digest as earlier versions computed it.
    """

    folder: Path
    run: str
    earlier: tuple[str, ...] = ()

    def save(self, step: int, tensors: Mapping[str, Tensor], where: Conditions) -> None:
        """Write a checkpoint, update ``latest``, then delete all but the newest two.

        Raises:
            ArtifactError: the disk is full; earlier checkpoints are untouched.
        """
        self._write(step, tensors, asdict(where))

    def renew(self, step: int) -> None:
        """Write the checkpoint of a step again if its digest is that of an earlier version."""
        if not step:
            return
        about, tensors = _read(self.folder / _name(step))
        if about["run"] != self.run:
            self._write(step, tensors, about["conditions"])

    def _write(self, step: int, tensors: Mapping[str, Tensor], where: Mapping[str, Any]) -> None:
        path = self.folder / _name(step)
        about = {"step": step, "run": self.run, "conditions": where}
        if path.exists():  # damaged and skipped when the run was resumed, or of an extended run
            shutil.rmtree(path)
        with atomic_directory(path) as directory:
            write_tensors(directory / "state.safetensors", tensors)
            write_json(directory / "about.json", {**about, "digest": digest_of(about, tensors)})
        atomic_write(self.folder / "latest", f"{path.name}\n".encode())
        for old in sorted(self.folder.glob("step-*"))[:-_KEPT]:
            shutil.rmtree(old)

    def clear(self, *, beyond: int) -> None:
        """Delete unfinished checkpoints of a killed process, and damaged ones after a step."""
        for killed in self.folder.glob(".step-*.tmp"):
            shutil.rmtree(killed)
        for damaged in self.folder.glob("step-*"):
            if damaged.name > _name(beyond):
                shutil.rmtree(damaged)

    def newest(self, here: Conditions) -> tuple[int, dict[str, Tensor]]:
        """Step and tensors of the newest undamaged checkpoint; step 0 without checkpoints.

        Raises:
            ForeignStateError: the checkpoint belongs to other settings or data.
            ArtifactError: every checkpoint is damaged.
            UnreadableError: the newest one cannot be read now; it may be whole.
        """
        candidates = sorted(self.folder.glob("step-*"), reverse=True)
        for path in candidates:
            try:
                about, tensors = _read(path)
            except UnreadableError:
                raise
            except ArtifactError as error:
                logger.warning("%s; falling back to the checkpoint before", error)
                continue
            if about["run"] not in (self.run, *self.earlier):
                raise ForeignStateError(
                    f"{path} was made with other settings or data than this run's config.toml: "
                    f"restore them, or train in another folder"
                )
            here.warn_unless_equal(about["conditions"])
            return int(about["step"]), tensors
        if candidates:
            raise ArtifactError(
                f"no whole checkpoint in {self.folder}: restore one, or move the folder away to "
                f"train from the start"
            )
        return 0, {}


def _name(step: int) -> str:
    return f"step-{step:09d}"


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    about: dict[str, Any] = read_json(path / "about.json")
    tensors = read_tensors(path / "state.safetensors")
    stated = about.pop("digest", None) if isinstance(about, dict) else None
    if digest_of(about, tensors) != stated:
        raise ArtifactError(f"{path} does not match its digest")
    return about, tensors
