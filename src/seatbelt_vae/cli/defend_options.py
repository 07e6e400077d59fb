"""Flags of `defend`; torch is not imported."""

from dataclasses import dataclass, field
from pathlib import Path

from seatbelt_vae.cli.run_options import AGAIN, Output, SubjectFlags
from seatbelt_vae.config.hardening import HardeningConfig
from seatbelt_vae.errors import ConfigError

__all__ = ["Defend"]


@dataclass(frozen=True, kw_only=True)
class Defend(SubjectFlags):
    """Harden a model that is trained: its encoder learns to ignore worst-case distortions.

    The decoder keeps its weights. The folder of --out is a model that audit, attack and the other
    verbs take.

    Args:
        out: the new folder of the hardened model.
    """

    out: Path | None = None
    hardening: HardeningConfig = field(default_factory=HardeningConfig)
    output: Output = field(default_factory=Output)

    def __post_init__(self) -> None:
        if self.out is None:
            raise ConfigError("defend without --out: name a new folder for the hardened model")

    to_resume = AGAIN
