"""Conditions of a training run that affect its rounding."""

import logging
import platform
from dataclasses import asdict, dataclass
from typing import Any

import torch as pytorch

from seatbelt_vae.kernels import FUSED_CONV
from seatbelt_vae.parallel.operating_system import processor_name
from seatbelt_vae.parallel.process_group import process_group

__all__ = ["Conditions"]

logger = logging.getLogger(__name__)

_KERNELS = "fused_conv and mixtures"  # kernels of a training step, which round unlike torch


@dataclass(frozen=True)
class Conditions:
    """Conditions under which a resumed run equals an uninterrupted one bit for bit.

    They include the processor's name: two processor models with the same instruction set may round
    matrix products differently.
    """

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
            processor=f"{processor_name()} {platform.machine()} {capability}".strip(),
            compiled=_KERNELS if FUSED_CONV.is_built() else "nothing",
            threads=pytorch.get_num_threads(),
            device=device.type,
            precision=precision,
            workers=process_group().size,
        )

    def warn_unless_equal(self, stored: dict[str, Any]) -> None:
        """Log each difference from the conditions of a checkpoint."""
        here = asdict(self)
        differing = [k for k in here if here[k] != stored.get(k)]
        if differing:
            changes = ", ".join(f"{k} {stored.get(k, 'unknown')} → {here[k]}" for k in differing)
            logger.warning("not bit-exact: %s", changes)
