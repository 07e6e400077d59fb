"""A job: all steps for one run folder, and the digest that identifies it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seatbelt_vae.config import AttackConfig, EvaluationConfig, RunConfig
from seatbelt_vae.config.attack import suite_name
from seatbelt_vae.config.hardening import HardeningConfig
from seatbelt_vae.config.non_default import non_default
from seatbelt_vae.config.training import SPEED_ONLY
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.runs import digest_of

__all__ = ["Hardening", "Job", "folder_name", "key_of"]

_DIGITS = 8  # of the digest in a folder's name


@dataclass(frozen=True)
class Hardening:
    """The hardening of the encoder of a finished run.

    Args:
        source: folder of the run.
        config: settings of the hardening.
    """

    source: Path
    config: HardeningConfig

    @property
    def decisive(self) -> dict[str, Any]:
        """The settings that affect the hardened weights."""
        return {k: v for k, v in asdict(self.config).items() if k not in SPEED_ONLY}


@dataclass(frozen=True)
class Job:
    """The settings of one run folder: training, attack suites and evaluation, in this order.

    Args:
        run: settings of the training.
        attacks: settings of the suites.
        evaluation: settings of the evaluation (default: none).
        hardening: hardens a finished run of the same settings in place of the training.

    Raises:
        ConfigError: two suites have the same name.
    """

    run: RunConfig
    attacks: tuple[AttackConfig, ...] = ()
    evaluation: EvaluationConfig | None = None
    hardening: Hardening | None = None

    def __post_init__(self) -> None:
        names = [suite_name(attack) for attack in self.attacks]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ConfigError(
                f"two attacks have the name {min(twice)!r}: remove one, or change its loss, "
                f"threat, strength or layers"
            )

    @property
    def digest(self) -> str:
        """Digest of the model, see `key_of`."""
        return key_of(self.run, self.hardening.decisive if self.hardening else None)

    @property
    def threads(self) -> int:
        """Number of CPU threads, the same on every machine: 1 unless the settings give another."""
        return self.run.training.threads or 1


def key_of(run: RunConfig, hardening: Mapping[str, Any] | None = None) -> str:
    """A digest of all settings that affect a trained model and its metrics.

    Args:
        run: settings of the training.
        hardening: the decisive settings of a hardening, see `Hardening` (default: none).

    Device, threads, checkpoints and trackers are left out. Default values are left out too, so that
    a setting added by a later version changes no digest.

    Example:
        >>> from seatbelt_vae.config import ObjectiveConfig, TrainingConfig
        >>> key_of(RunConfig()) == key_of(RunConfig(training=TrainingConfig(threads=2)))
        True
        >>> key_of(RunConfig()) == key_of(RunConfig(objective=ObjectiveConfig(beta=2.0)))
        False
    """
    settings = non_default(run)
    training = settings.get("training", {}).items()
    decisive = {key: value for key, value in training if key not in SPEED_ONLY}
    trained = digest_of({**settings, "training": decisive})
    return digest_of([trained, hardening]) if hardening else trained


def folder_name(label: str, job: Job) -> str:
    """The name of a job's run folder: its label and the first digits of its digest.

    Example:
        >>> folder_name("plain", Job(RunConfig()))
        'plain-ceb31d02'
    """
    return f"{label}-{job.digest[:_DIGITS]}"
