"""The finished steps of a job, read from its folder without torch."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from seatbelt_vae.config import AttackConfig, EvaluationConfig, RunConfig
from seatbelt_vae.config.attack import suite_name
from seatbelt_vae.runs import RunFolder, read_settings
from seatbelt_vae.runs.checked_files import checked_table
from seatbelt_vae.runs.contents import HARDENED
from seatbelt_vae.workflow.job import Job, key_of

__all__ = [
    "is_attacked",
    "is_done",
    "is_evaluated",
    "is_measured",
    "is_of",
    "is_trained",
    "trained_as",
    "with_known_metrics",
]

_Measuring = TypeVar("_Measuring", AttackConfig, EvaluationConfig)


def is_done(folder: Path, job: Job) -> bool:
    """Whether every step of a job is finished.

    Raises:
        SeatbeltError: the settings in the folder are unreadable.
    """
    return is_of(folder, job) and is_trained(folder) and is_measured(folder, job)


def is_measured(folder: Path, job: Job) -> bool:
    """Whether the attacks and the evaluation of a job are finished.

    Raises:
        SeatbeltError: the settings in the folder are unreadable.
    """
    return all(is_attacked(folder, attack) for attack in job.attacks) and (
        job.evaluation is None or is_evaluated(folder, job.evaluation)
    )


def is_of(folder: Path, job: Job) -> bool:
    """Whether a folder holds a run, finished or not, with the job's settings."""
    if not (folder / "run.json").exists():
        return False
    return key_of(*trained_as(folder)) == job.digest


def trained_as(folder: Path) -> tuple[RunConfig, Mapping[str, Any] | None]:
    """The settings of a run and of its hardening, as of `key_of`."""
    path = folder / HARDENED
    hardened = checked_table(path, ["identity"])["identity"] if path.exists() else None
    return RunFolder.open(folder).config, hardened and hardened["settings"]


def is_trained(folder: Path) -> bool:
    """Whether a run's training is finished."""
    return (folder / "model.safetensors").exists()


def is_attacked(folder: Path, attack: AttackConfig) -> bool:
    """Whether a run was attacked with these settings and measured, on all pairs."""
    suite = folder / "attacks" / suite_name(attack)
    settings = suite / "config.toml"
    if not (suite / "summary.json").exists() or not settings.exists():
        return False
    return _same(read_settings(settings, AttackConfig), attack)


def is_evaluated(folder: Path, evaluation: EvaluationConfig) -> bool:
    """Whether a run was evaluated with these settings and at least their optional metrics."""
    found = _evaluated(folder)
    return found is not None and _same(found, _widened(evaluation, found))


def with_known_metrics(folder: Path, evaluation: EvaluationConfig) -> EvaluationConfig:
    """Add the optional metrics of an earlier evaluation with otherwise equal settings.

    A further optional metric then keeps the earlier ones.
    """
    found = _evaluated(folder)
    return evaluation if found is None else _widened(evaluation, found)


def _evaluated(folder: Path) -> EvaluationConfig | None:
    path = folder / "evaluation" / "config.toml"
    return read_settings(path, EvaluationConfig) if path.exists() else None


def _widened(evaluation: EvaluationConfig, found: EvaluationConfig) -> EvaluationConfig:
    """Add the optional metrics of ``found`` if the other settings are equal."""
    if not _same(replace(found, optional_metrics=()), replace(evaluation, optional_metrics=())):
        return evaluation
    return replace(
        evaluation,
        optional_metrics=tuple(sorted({*found.optional_metrics, *evaluation.optional_metrics})),
    )


def _same(found: _Measuring, wanted: _Measuring) -> bool:
    """Whether settings are equal except for threads, which change no result."""
    return replace(found, threads=None) == replace(wanted, threads=None)
