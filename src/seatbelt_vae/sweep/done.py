"""What of a job lies finished in its run folder; read without torch."""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from seatbelt_vae.config import AttackConfig, EvaluationConfig, load_toml
from seatbelt_vae.config.attack import battery_name
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.sweep.job import Job, key_of

__all__ = ["is_attacked", "is_done", "is_evaluated", "is_of", "is_trained"]

_Measuring = TypeVar("_Measuring", AttackConfig, EvaluationConfig)


def is_done(folder: Path, job: Job) -> bool:
    """Whether nothing of a job is left to do.

    Raises:
        SeatbeltError: settings in the folder that cannot be read.
    """
    return (
        is_of(folder, job)
        and is_trained(folder)
        and all(is_attacked(folder, attack) for attack in job.attacks)
        and (job.evaluation is None or is_evaluated(folder, job.evaluation))
    )


def is_of(folder: Path, job: Job) -> bool:
    """Whether a folder holds a run, finished or not, of the job's settings."""
    return (folder / "run.json").exists() and key_of(RunFolder.open(folder).config) == job.digest


def is_trained(folder: Path) -> bool:
    """Whether a run's training is finished."""
    return (folder / "model.safetensors").exists()


def is_attacked(folder: Path, attack: AttackConfig) -> bool:
    """Whether a run was attacked with these settings, to the end, and measured."""
    battery = folder / "attacks" / battery_name(attack)
    return (battery / "summary.json").exists() and _states(battery / "config.toml", attack)


def is_evaluated(folder: Path, evaluation: EvaluationConfig) -> bool:
    """Whether a run was evaluated with these settings."""
    return _states(folder / "evaluation" / "config.toml", evaluation)


def _states(path: Path, wanted: _Measuring) -> bool:
    """Whether stored settings are the wanted ones, but for threads, which decide no number."""
    if not path.exists():
        return False
    found = load_toml(path, type(wanted))
    return replace(found, threads=None) == replace(wanted, threads=None)
