"""What run folders hold, read once: what is not there yet is None, what is corrupt is an error."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seatbelt_vae.config import AttackConfig, RunConfig
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.runs import (
    RunFolder,
    read_json,
    read_rows,
    read_settings,
    read_suite,
    read_tensors,
    suite_file,
    suite_folders,
)

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

PICTURED = 20
"""Pairs whose pictures a report shows."""

Row = dict[str, Any]
Tensors = dict[str, Tensor]

_ATTACK = (
    *("pair", "level", "level_relative", "delta", "bound"),
    *("divergence_start", "divergence_floor", "divergence_ratio"),
)
_BUDGET = ("pair", "epsilon", "gap", "how", "blend_gap", "distance_relative", "told_apart")
_MEASURE = ("pair", "distortion", "distance_relative", "told_apart_distortion")
_PAIR = ("pair", "input_index", "target_index", "told_apart", "gap@0.2")
_PICTURES = (
    *("adversarial", "reconstruction", "x", "target"),
    *("reconstruction_x", "reconstruction_target"),
)
_EVALUATED = (
    *("elbo", "iwae", "iwae_draws", "images", "iou"),
    *("unexplained_variance", "active_units"),
)


@dataclass(frozen=True)
class Measured:
    """What was measured on a suite.

    Args:
        summary: the content of ``summary.json``.
        pairs, attacks, budgets: rows, one a pair, an attack, a pair and budget.
        pictures: images of the matched budgets, of the first `PICTURED` pairs.
    """

    summary: Row
    pairs: list[Row]
    attacks: list[Row]
    budgets: list[Row]
    pictures: Tensors

    def estimate(self, measure: str) -> Row:
        """Value, low and high of one measure; all None if it was not measured."""
        nothing = {"value": None, "low": None, "high": None, "kind": "arithmetic", "n": 0}
        found: Row = self.summary["measures"].get(measure, nothing)
        return found


@dataclass(frozen=True)
class Suite:
    """One suite of attacks.

    Args:
        name: of its folder.
        folder: where it lies.
        config: its settings.
        about: the content of ``suite.json``.
        attacks: one row an attack, of the pairs attacked so far.
        flags: None until every pair has been attacked.
        measured: None until every attacked pair has been measured.
    """

    name: str
    folder: Path
    config: AttackConfig
    about: Row
    attacks: list[Row]
    flags: list[Row] | None
    measured: Measured | None

    @property
    def raised(self) -> list[Row]:
        """The flags that are raised."""
        return [flag for flag in self.flags or [] if flag["raised"]]

    @property
    def pairs_attacked(self) -> int:
        """Pairs whose attacks are stored."""
        return len({row["pair"] for row in self.attacks})


@dataclass(frozen=True)
class Evaluation:
    """What ``evaluate`` left: the content of ``measures.json``, ‖σ‖ of each image, pictures."""

    measures: Row
    sigma: list[Row]
    pictures: Tensors


@dataclass(frozen=True)
class Run:
    """One run folder's content.

    Args:
        name: what the report calls it: the folder's name, made longer where two share it.
        folder: where it lies.
        config: the settings.
        architecture: None until training has begun.
        metrics: training rows, perhaps none.
        weights: the first 16 digits of the weights file's SHA-256; None until trained.
        conditions: torch, processor, threads of the training, if a checkpoint tells.
        suites: by name.
        evaluation: None until evaluated.
    """

    name: str
    folder: Path
    config: RunConfig
    architecture: Row | None
    metrics: list[Row]
    weights: str | None
    conditions: Row
    suites: dict[str, Suite]
    evaluation: Evaluation | None


def collect(folders: Sequence[Path]) -> list[Run]:
    """Read run folders.

    Raises:
        ArtifactError: a folder is no run, or a file in it is corrupt or lacks what it should hold.
    """
    return [_run(folder, name) for folder, name in zip(folders, _names(folders), strict=True)]


def leading_suite(runs: Sequence[Run]) -> str | None:
    """The suite the report is about: what most runs measured, strong and latent-kl before others.

    None if no run has one.
    """
    known = {name: suite for run in runs for name, suite in run.suites.items()}

    def rank(name: str) -> tuple[Any, ...]:
        holders = [run.suites[name] for run in runs if name in run.suites]
        measured = sum(suite.measured is not None for suite in holders)
        return suite_rank(name, measured, asdict(known[name].config))

    return min(known, key=rank, default=None)


def suite_rank(name: str, measured: int, settings: Row) -> tuple[Any, ...]:
    """What suites are sorted by, the most telling first.

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


def _run(folder: Path, name: str) -> Run:
    opened = RunFolder.open(folder)
    try:
        config = opened.config
    except ConfigError as error:
        raise ArtifactError(f"{error}: restore it, or train again") from None
    metrics = folder / "metrics"
    weights, model = folder / "model.safetensors", folder / "model.json"
    return Run(
        name=name,
        folder=folder,
        config=config,
        architecture=_table(model, ["latent_sizes", "bounds"]) if model.exists() else None,
        metrics=_rows(metrics, ["step", "split"]) if any(metrics.glob("*.parquet")) else [],
        weights=hashlib.sha256(weights.read_bytes()).hexdigest()[:16] if weights.exists() else None,
        conditions=_conditions(folder / "checkpoints"),
        suites={path.name: _suite(path) for path in suite_folders(folder)},
        evaluation=_evaluation(folder / "evaluation"),
    )


def _conditions(checkpoints: Path) -> Row:
    stated = sorted(checkpoints.glob("step-*/about.json"))
    return dict(_table(stated[-1], ["conditions"])["conditions"]) if stated else {}


def _suite(folder: Path) -> Suite:
    attacked = any(folder.glob("pair-*.parquet"))
    flags = folder / "flags.json"
    try:
        config = read_settings(folder / "config.toml", AttackConfig)
    except ConfigError as error:
        raise ArtifactError(f"{error}: delete {folder} and attack again") from None
    return Suite(
        name=folder.name,
        folder=folder,
        config=config,
        about=_about(folder),
        attacks=_rows(folder, _ATTACK, "pair-*.parquet") if attacked else [],
        flags=_flags(flags) if flags.exists() else None,
        measured=_measured(folder) if (folder / "summary.json").exists() else None,
    )


def _about(folder: Path) -> Row:
    content: Row = read_suite(folder)
    _check(suite_file(folder), content, ["pairs", "digest", "model"])
    return content


def _measured(folder: Path) -> Measured:
    return Measured(
        summary=_table(folder / "summary.json", ["pairs", "pairs_told_apart", "measures"]),
        pairs=_rows(folder / "pairs", _PAIR),
        attacks=_rows(folder / "measures", _MEASURE),
        budgets=_rows(folder / "budgets", _BUDGET),
        pictures=_pictures(folder / "budgets"),
    )


def _pictures(folder: Path) -> Tensors:
    """The first pairs' pictures, stacked; a page with thousands of them helps nobody."""
    pairs = [_tensors(path, _PICTURES) for path in sorted(folder.glob("*.safetensors"))[:PICTURED]]
    if not pairs:
        raise ArtifactError(
            f"{folder} holds no pictures: delete {folder.parent}/pairs and `attack`"
        )
    return {name: torch.stack([pair[name] for pair in pairs]) for name in _PICTURES}


def _evaluation(folder: Path) -> Evaluation | None:
    if not (folder / "measures.json").exists():
        return None
    return Evaluation(
        measures=_table(folder / "measures.json", _EVALUATED),
        sigma=_rows(folder / "sigma.parquet", ["sigma_norm"]),
        pictures=_tensors(folder / "pictures.safetensors", ["x", "reconstruction"]),
    )


def _flags(path: Path) -> list[Row]:
    flags = read_json(path)
    if not isinstance(flags, list):
        raise ArtifactError(f"{path} is no list of flags: delete it and attack again")
    for flag in flags:
        _check(path, flag, ["name", "raised", "detail"])
    return flags


def _table(path: Path, keys: Sequence[str]) -> Row:
    content: Row = read_json(path)
    _check(path, content, keys)
    return content


def _rows(path: Path, columns: Sequence[str], pattern: str = "*.parquet") -> list[Row]:
    rows = read_rows(path, pattern)
    _check(path, rows[0] if rows else {}, columns)
    return rows


def _tensors(path: Path, names: Sequence[str]) -> Tensors:
    tensors = read_tensors(path)
    _check(path, tensors, names)
    return tensors


def _check(path: Path, found: object, expected: Sequence[str]) -> None:
    known = found if isinstance(found, dict) else {}
    missing = [name for name in expected if name not in known]
    if missing:
        raise ArtifactError(
            f"{path} lacks {', '.join(missing)}: expected a file written by this version, "
            f"delete it and run the step again"
        )
