"""Checkpoints: one directory each, whole or absent, with all that the next step depends on.

Data order and noise are functions of (seed, step), so weights, optimiser and step are everything.
"""

import logging
import platform
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch as pytorch
from torch import Tensor, nn
from torch.optim import Optimizer

from seatbelt_vae.errors import ArtifactError, ForeignStateError
from seatbelt_vae.runs import (
    atomic_directory,
    atomic_write,
    digest_of,
    read_json,
    read_tensors,
    write_json,
    write_tensors,
)

__all__ = ["Checkpoint", "Conditions"]

logger = logging.getLogger(__name__)

_KEPT = 2
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


@dataclass(frozen=True)
class Conditions:
    """What a resumed run must share with its first part to equal an uninterrupted one."""

    torch: str
    processor: str
    threads: int
    device: str
    precision: str

    @classmethod
    def here(cls, device: pytorch.device, precision: str) -> "Conditions":
        """The conditions of this process."""
        return cls(
            torch=pytorch.__version__,
            processor=f"{platform.machine()} {pytorch.backends.cpu.get_cpu_capability()}",
            threads=pytorch.get_num_threads(),
            device=device.type,
            precision=precision,
        )

    def warn_unless_equal(self, stored: dict[str, Any]) -> None:
        """Log what differs from the conditions of a checkpoint."""
        here = asdict(self)
        differing = [k for k in here if here[k] != stored.get(k)]
        if differing:
            changes = ", ".join(f"{k} {stored.get(k)} → {here[k]}" for k in differing)
            logger.warning("not bit-exact: %s", changes)


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoints of one run.

    Args:
        folder: where they lie, one directory ``step-<n>`` each, the newest named in ``latest``.
        run: digest of what decides the run: settings and data.
    """

    folder: Path
    run: str

    def save(self, step: int, model: nn.Module, optimizer: Optimizer, where: Conditions) -> None:
        """Write a checkpoint, then point to it, then drop all but the newest two.

        Raises:
            ArtifactError: the disk is full; the checkpoints before are untouched.
        """
        path = self.folder / f"step-{step:09d}"
        tensors = {**_weights(model), **_moments(model, optimizer)}
        about = {"step": step, "run": self.run, "conditions": asdict(where)}
        if path.exists():  # it was not whole when this run was resumed
            shutil.rmtree(path)
        with atomic_directory(path) as directory:
            write_tensors(directory / "state.safetensors", tensors)
            write_json(directory / "about.json", {**about, "digest": digest_of(about, tensors)})
        atomic_write(self.folder / "latest", f"{path.name}\n".encode())
        for old in sorted(self.folder.glob("step-*"))[:-_KEPT]:
            shutil.rmtree(old)

    def restore(self, model: nn.Module, optimizer: Optimizer, here: Conditions) -> int:
        """Load the newest whole checkpoint and return its step; 0 if none was made yet.

        Raises:
            ForeignStateError: made with other settings or on other data.
            ArtifactError: checkpoints are there, but none is whole.
        """
        for killed in self.folder.glob(".step-*.tmp"):
            shutil.rmtree(killed)
        candidates = sorted(self.folder.glob("step-*"), reverse=True)
        for path in candidates:
            try:
                about, tensors = _read(path)
            except ArtifactError as error:
                logger.warning("%s; falling back to the checkpoint before", error)
                continue
            if about["run"] != self.run:
                raise ForeignStateError(
                    f"{path} was made with other settings or data than this run's config.toml: "
                    f"restore them, or train in another folder"
                )
            here.warn_unless_equal(about["conditions"])
            _load(model, optimizer, tensors)
            return int(about["step"])
        if candidates:
            raise ArtifactError(
                f"no whole checkpoint in {self.folder}: delete the folder to train from the start"
            )
        return 0


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    about: dict[str, Any] = read_json(path / "about.json")
    tensors = read_tensors(path / "state.safetensors")
    stated = about.pop("digest", None) if isinstance(about, dict) else None
    if digest_of(about, tensors) != stated:
        raise ArtifactError(f"{path} does not match its digest")
    return about, tensors


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {f"model.{name}": tensor for name, tensor in model.state_dict().items()}


def _moments(model: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    return {
        f"adam.{name}.{moment}": optimizer.state[parameter][moment]
        for name, parameter in model.named_parameters()
        for moment in _MOMENTS
        if parameter in optimizer.state
    }


def _load(model: nn.Module, optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    model.load_state_dict({name: tensors[f"model.{name}"] for name in model.state_dict()})
    for name, parameter in model.named_parameters():
        if f"adam.{name}.step" in tensors:
            # the fused optimiser pairs numbers by their place in memory: take the weights' layout
            moments = {
                moment: pytorch.empty_like(parameter).copy_(tensors[f"adam.{name}.{moment}"])
                for moment in ("exp_avg", "exp_avg_sq")
            }
            step = tensors[f"adam.{name}.step"].to(parameter.device)
            optimizer.state[parameter] = {"step": step, **moments}
