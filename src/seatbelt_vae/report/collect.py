"""Collects the runs of a report under distinct names, and selects the main suite."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.report.stored_values import check_values
from seatbelt_vae.runs.contents import Evaluation, Run
from seatbelt_vae.runs.suite_contents import PICTURED, Measured, Suite

__all__ = [
    "PICTURED",
    "Evaluation",
    "Measured",
    "Run",
    "Suite",
    "collect",
    "leading_suite",
    "suite_rank",
]

Row = dict[str, Any]


def collect(folders: Sequence[Path]) -> list[Run]:
    """Read run folders.

    Raises:
        ArtifactError: a folder is not a run folder, a file is corrupt or incomplete, or a value
            is not of the type of its column.
    """
    runs = [Run(name, folder) for folder, name in zip(folders, _names(folders), strict=True)]
    for run in runs:
        run.read()
        check_values(run)
    return runs


def leading_suite(runs: Sequence[Run]) -> str | None:
    """The suite that most runs have measured; ties go to strong and latent-kl suites.

    None if no run was attacked.
    """
    known = {name: suite for run in runs for name, suite in run.suites.items()}

    def rank(name: str) -> tuple[Any, ...]:
        holders = [run.suites[name] for run in runs if name in run.suites]
        measured = sum(suite.measured is not None for suite in holders)
        return suite_rank(name, measured, asdict(known[name].config))

    return min(known, key=rank, default=None)


def suite_rank(name: str, measured: int, settings: Row) -> tuple[Any, ...]:
    """A sort key of suites, the most informative first.

    Args:
        name: name of the suite.
        measured: number of runs that have measured it.
        settings: strength, loss and layers of the suite.
    """
    strength = ("strong", "single", "paper").index(settings["strength"])
    return (-measured, strength, settings["loss"] != "latent-kl", settings["layers"] != "all", name)


def _names(folders: Sequence[Path]) -> list[str]:
    """Folder names, preceded by as many parent folders as make them distinct."""
    paths = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, paths), default=0) + 1):
        names = ["/".join(parts[-length:]) for parts in paths]
        if len(set(names)) == len(names):
            return names
    raise ArtifactError(f"{folders[0]} and others are the same run folder: name each folder once")
