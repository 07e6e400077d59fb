"""Where a run is trained, as far as it decides the last bits of its numbers."""

import logging
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch as pytorch

from seatbelt_vae.kernels import FUSED_CONV
from seatbelt_vae.workers import worker_count

__all__ = ["Conditions"]

logger = logging.getLogger(__name__)

_FACTS = Path("/proc/cpuinfo")
_KERNELS = "fused_conv and mixtures"  # kernels of a training step: they round unlike torch


@dataclass(frozen=True)
class Conditions:
    """What a resumed run must share with its first part to equal an uninterrupted one."""

    torch: str
    processor: str
    compiled: str
    threads: int
    device: str
    precision: str
    workers: int

    @classmethod
    def here(cls, device: pytorch.device, precision: str) -> "Conditions":
        """The conditions of this process."""
        capability = pytorch.backends.cpu.get_cpu_capability()
        return cls(
            torch=pytorch.__version__,
            processor=f"{_model()} {platform.machine()} {capability}".strip(),
            compiled=_KERNELS if FUSED_CONV.is_built() else "nothing",
            threads=pytorch.get_num_threads(),
            device=device.type,
            precision=precision,
            workers=worker_count(),
        )

    def warn_unless_equal(self, stored: dict[str, Any]) -> None:
        """Log what differs from the conditions of a checkpoint."""
        here = asdict(self)
        differing = [k for k in here if here[k] != stored.get(k)]
        if differing:
            changes = ", ".join(f"{k} {stored.get(k, 'unknown')} → {here[k]}" for k in differing)
            logger.warning("not bit-exact: %s", changes)


def _model() -> str:
    """The processor's name: two with the same instructions may round matrix products apart."""
    lines = _FACTS.read_text(encoding="utf-8").splitlines() if _FACTS.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
