"""A job: everything that is to be done in one run folder, and the key it goes by."""

from dataclasses import dataclass

from seatbelt_vae.config import AttackConfig, EvaluationConfig, RunConfig
from seatbelt_vae.config.attack import suite_name
from seatbelt_vae.config.non_default import non_default
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.runs import digest_of

__all__ = ["Job", "folder_name", "key_of"]

_SPEED_ONLY = ("device", "threads", "checkpoint_every", "trackers")
_SHOWN = 8  # digits of the digest in a folder's name


@dataclass(frozen=True)
class Job:
    """One run folder to be made: a model trained, then attacked by each suite and measured, then
    evaluated.

    Args:
        run: how the model is trained.
        attacks: the suites.
        evaluation: how the model is measured besides (default: it is not).

    Raises:
        ConfigError: two suites that would lie in one folder.
    """

    run: RunConfig
    attacks: tuple[AttackConfig, ...] = ()
    evaluation: EvaluationConfig | None = None

    def __post_init__(self) -> None:
        names = [suite_name(attack) for attack in self.attacks]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ConfigError(
                f"two attacks are called {min(twice)!r}, and a run holds one of a name: attack "
                f"with one of them, or with another loss, threat, strength or layers"
            )

    @property
    def digest(self) -> str:
        """What tells this job's model from others', see `key_of`."""
        return key_of(self.run)

    @property
    def threads(self) -> int:
        """CPU threads it works with, on whatever machine: one unless its settings say otherwise."""
        return self.run.training.threads or 1


def key_of(run: RunConfig) -> str:
    """A digest of all settings that decide a trained model and its metrics.

    Device, threads, checkpoints and trackers do not count. Settings at their default do not either,
    so that a setting that a later version adds changes no key.

    Example:
        >>> from seatbelt_vae.config import ObjectiveConfig, TrainingConfig
        >>> key_of(RunConfig()) == key_of(RunConfig(training=TrainingConfig(threads=2)))
        True
        >>> key_of(RunConfig()) == key_of(RunConfig(objective=ObjectiveConfig(beta=2.0)))
        False
    """
    told = non_default(run)
    decisive = {
        key: value for key, value in told.get("training", {}).items() if key not in _SPEED_ONLY
    }
    return digest_of({**told, "training": decisive})


def folder_name(label: str, job: Job) -> str:
    """The name of a job's run folder: its label and the first digits of its digest.

    Example:
        >>> folder_name("plain", Job(RunConfig()))
        'plain-ceb31d02'
    """
    return f"{label}-{job.digest[:_SHOWN]}"
