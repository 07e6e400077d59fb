"""The runs of a report: each with a name of its own, and the suite that the report leads with."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs.contents import PICTURED, Evaluation, Measured, Run, Suite

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
        ArtifactError: a folder is no run, or a file in it is corrupt or lacks a part.
    """
    runs = [Run(name, folder) for folder, name in zip(folders, _names(folders), strict=True)]
    for run in runs:
        run.read()
    return runs


def leading_suite(runs: Sequence[Run]) -> str | None:
    """The suite that most runs have measured; strong and latent-kl suites before others.

    None if no run has one.
    """
    known = {name: suite for run in runs for name, suite in run.suites.items()}

    def rank(name: str) -> tuple[Any, ...]:
        holders = [run.suites[name] for run in runs if name in run.suites]
        measured = sum(suite.measured is not None for suite in holders)
        return suite_rank(name, measured, asdict(known[name].config))

    return min(known, key=rank, default=None)


def suite_rank(name: str, measured: int, settings: Row) -> tuple[Any, ...]:
    """A key that sorts suites, the most informative first.

    Args:
        name: the suite's.
        measured: how many runs have measured it.
        settings: its strength, loss and layers.
    """
    strength = ("strong", "single", "paper").index(settings["strength"])
    usual = (settings["loss"] == "latent-kl", settings["layers"] == "all")
    return (-measured, strength, *(not as_usual for as_usual in usual), name)


def _names(folders: Sequence[Path]) -> list[str]:
    """Folder names, with as many parents as it takes to tell them apart."""
    whole = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, whole), default=0) + 1):
        names = ["/".join(parts[-length:]) for parts in whole]
        if len(set(names)) == len(names):
            return names
    raise ArtifactError(f"{folders[0]} and others are the same run folder: give each once")
