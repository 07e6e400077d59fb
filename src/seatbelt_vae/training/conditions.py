"""Where a run is trained, as far as it decides the last bits of its numbers."""

import logging
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch as pytorch

from seatbelt_vae.models.ends.native import native_code as ends_code
from seatbelt_vae.models.normalised.native import native_code as normalised_code
from seatbelt_vae.objectives.mixtures.native import native_code as mixtures_code
from seatbelt_vae.workers import worker_count

__all__ = ["Conditions"]

logger = logging.getLogger(__name__)

_FACTS = Path("/proc/cpuinfo")


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
            compiled=_compiled(),
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


def _compiled() -> str:
    """The compiled parts that a step uses here; torch's own operations round otherwise."""
    parts = {"ends": ends_code(), "mixtures": mixtures_code(), "normalised": normalised_code()}
    return " and ".join(name for name, code in parts.items() if code is not None) or "nothing"
