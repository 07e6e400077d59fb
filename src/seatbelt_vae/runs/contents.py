"""Reads the contents of run folders; a missing part is None, a corrupt part is an error.

Each part is read on first access. An `ArtifactError` names the file in one line.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatbelt_vae.config import AttackConfig, DataConfig, RunConfig
from seatbelt_vae.config.toml import from_dict
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.runs.json_files import read_json
from seatbelt_vae.runs.rows import read_rows
from seatbelt_vae.runs.run_folder import RunFolder
from seatbelt_vae.runs.settings import read_settings
from seatbelt_vae.runs.suites import read_suite, suite_file, suite_folders
from seatbelt_vae.runs.tensors import read_tensors

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "FOREIGN",
    "PICTURED",
    "SUBJECT",
    "Evaluation",
    "Measured",
    "Run",
    "Suite",
    "is_contents",
]

FOREIGN = "foreign"
"""Stands for the preset of a subject without a run folder."""

SUBJECT = "subject.json"
"""The file that marks the results folder of such a subject, as ``run.json`` marks a run."""

Row = dict[str, Any]
Tensors = dict[str, "Tensor"]

PICTURED = 20
"""Number of pairs of a suite with pictures in a report."""

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


@dataclass(frozen=True)
class Measured:
    """The measurements in the folder of a suite."""

    folder: Path

    @cached_property
    def summary(self) -> Row:
        """The content of ``summary.json``."""
        return _table(self.folder / "summary.json", ["measures"])

    @cached_property
    def pairs(self) -> list[Row]:
        """One row per pair."""
        return _rows(self.folder / "pairs", _PAIR)

    @cached_property
    def attacks(self) -> list[Row]:
        """One row of measures per attack."""
        return _rows(self.folder / "measures", _MEASURE)

    @cached_property
    def budgets(self) -> list[Row]:
        """One row per pair and budget."""
        return _rows(self.folder / "budgets", _BUDGET)

    @cached_property
    def pictures(self) -> Tensors:
        """Images at all budgets of the first `PICTURED` pairs, stacked."""
        from torch import stack

        folder = self.folder / "budgets"
        files = sorted(folder.glob("*.safetensors"))[:PICTURED]
        if not files:
            raise ArtifactError(
                f"{folder} holds no pictures: delete {folder.parent}/pairs and run `attack` again"
            )
        pairs = [_tensors(path, _PICTURES) for path in files]
        return {name: stack([pair[name] for pair in pairs]) for name in _PICTURES}

    @cached_property
    def estimates(self) -> dict[str, Row]:
        """Value, low, high, kind, n and unit of each measure of the summary."""
        path = self.folder / "summary.json"
        measures: dict[str, Row] = _check(path, self.summary["measures"])
        return {name: _check(path, found) for name, found in measures.items()}

    def estimate(self, measure: str) -> Row:
        """Value, low and high of one measure; all None if it was not measured."""
        nothing = {"value": None, "low": None, "high": None, "kind": "arithmetic", "n": 0}
        return self.estimates.get(measure, nothing)


@dataclass(frozen=True)
class Suite:
    """One attack suite; ``folder`` is ``attacks/<suite>`` of a run."""

    folder: Path

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.name

    @cached_property
    def config(self) -> AttackConfig:
        """Its settings."""
        try:
            return read_settings(self.folder / "config.toml", AttackConfig)
        except ConfigError as error:
            raise ArtifactError(f"{error}: delete {self.folder} and attack again") from None

    @cached_property
    def about(self) -> Row:
        """The content of ``suite.json``."""
        expected = ["pairs", "digest", "model"]
        return _check(suite_file(self.folder), read_suite(self.folder), expected)

    @cached_property
    def attacks(self) -> list[Row]:
        """One row per attack on the pairs attacked so far."""
        attacked = any(self.folder.glob("pair-*.parquet"))
        return _rows(self.folder, _ATTACK, "pair-*.parquet") if attacked else []

    @cached_property
    def flags(self) -> list[Row] | None:
        """Validity flags; None until every pair has been attacked."""
        path = self.folder / "flags.json"
        if not path.exists():
            return None
        flags = read_json(path)
        if not isinstance(flags, list):
            raise ArtifactError(f"{path} is not a list of flags: delete it and attack again")
        return [_check(path, flag, ["name", "raised", "detail"]) for flag in flags]

    @property
    def raised(self) -> list[Row]:
        """The flags that are raised."""
        return [flag for flag in self.flags or [] if flag["raised"]]

    @cached_property
    def measured(self) -> Measured | None:
        """Measurements; None until every attacked pair has been measured."""
        return Measured(self.folder) if (self.folder / "summary.json").exists() else None

    @property
    def pairs_attacked(self) -> int:
        """Number of pairs with stored attacks."""
        return len({row["pair"] for row in self.attacks})


@dataclass(frozen=True)
class Evaluation:
    """The results of ``evaluate``; ``folder`` is ``evaluation`` of a run."""

    folder: Path

    @cached_property
    def measures(self) -> Row:
        """The content of ``measures.json``."""
        return _table(self.folder / "measures.json")

    @cached_property
    def sigma(self) -> list[Row]:
        """One row per test image: ‖σ‖ of each layer."""
        return _rows(self.folder / "sigma.parquet", ["sigma_norm"])

    @cached_property
    def pictures(self) -> Tensors:
        """Test images, reconstructions and traversals."""
        return _tensors(self.folder / "pictures.safetensors", ["x", "reconstruction"])


@dataclass(frozen=True)
class Run:
    """The contents of one run folder, or of the results folder of another subject.

    Args:
        name: name in reports and views.
        folder: path of the folder.
    """

    name: str
    folder: Path

    @cached_property
    def subject(self) -> Row | None:
        """The content of ``subject.json``; None for a run folder."""
        path = self.folder / SUBJECT
        if not path.exists():
            return None
        return _table(path, ["source", "digest", "event_shape", "latent_sizes", "bounds", "data"])

    @cached_property
    def config(self) -> RunConfig | None:
        """Settings of the training; None for a subject without a run folder."""
        if self.subject is not None:
            return None
        try:
            return RunFolder.open(self.folder).config
        except ConfigError as error:
            raise ArtifactError(f"{error}: restore it, or train again") from None

    @property
    def preset(self) -> str:
        """The preset, or ``foreign`` for a subject without a run folder."""
        return FOREIGN if self.config is None else self.config.model.preset

    @property
    def data(self) -> DataConfig:
        """Settings of the data set."""
        if self.config is not None:
            return self.config.data
        settings = (self.subject or {}).get("data")
        return DataConfig("in memory") if settings is None else from_dict(DataConfig, settings)

    @cached_property
    def architecture(self) -> Row | None:
        """Image shape, bounds and latent sizes; None before training."""
        if self.subject is not None:
            return {**self.subject, "image_shape": self.subject["event_shape"]}
        path = self.folder / "model.json"
        return _table(path, ["latent_sizes", "bounds"]) if path.exists() else None

    @cached_property
    def metrics(self) -> list[Row]:
        """Rows of the training metrics; empty before training."""
        place = self.folder / "metrics"
        return _rows(place, ["step", "split"]) if any(place.glob("*.parquet")) else []

    @cached_property
    def weights(self) -> str | None:
        """The first 16 digits of the weights file's SHA-256; None until trained."""
        if self.subject is not None:
            return str(self.subject["digest"])
        path = self.folder / "model.safetensors"
        if not path.exists():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]

    @cached_property
    def conditions(self) -> Row:
        """Versions, processor and threads of the training, from the latest checkpoint."""
        files = sorted(self.folder.glob("checkpoints/step-*/about.json"))
        return dict(_table(files[-1], ["conditions"])["conditions"]) if files else {}

    @cached_property
    def suites(self) -> dict[str, Suite]:
        """Attack suites by name."""
        return {folder.name: Suite(folder) for folder in suite_folders(self.folder)}

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """Results of the evaluation; None before it."""
        folder = self.folder / "evaluation"
        return Evaluation(folder) if (folder / "measures.json").exists() else None

    def read(self) -> None:
        """Read every part.

        Raises:
            ArtifactError: a file is corrupt or incomplete.
        """
        _ = self.config, self.architecture, self.metrics, self.weights, self.conditions
        for suite in self.suites.values():
            _ = suite.config, suite.about, suite.attacks, suite.flags
            if (measured := suite.measured) is not None:
                _ = measured.summary, measured.pairs, measured.attacks, measured.budgets
                _ = measured.pictures
        if (evaluation := self.evaluation) is not None:
            _ = evaluation.measures, evaluation.sigma, evaluation.pictures


def is_contents(folder: Path) -> bool:
    """Whether a folder is a run folder or the results folder of another subject."""
    return (folder / "run.json").exists() or (folder / SUBJECT).exists()


def _table(path: Path, keys: Sequence[str] = ()) -> Row:
    return _check(path, read_json(path), keys)


def _rows(path: Path, columns: Sequence[str], pattern: str = "*.parquet") -> list[Row]:
    rows = read_rows(path, pattern)
    _check(path, rows[0] if rows else {}, columns)
    return rows


def _tensors(path: Path, names: Sequence[str]) -> Tensors:
    return _check(path, read_tensors(path), names)


def _check(path: Path, found: Any, expected: Sequence[str] = ()) -> dict[str, Any]:
    """The content of a file, checked to be a table with the expected keys."""
    advice = "expected a file written by this version, delete it and run the step again"
    if not isinstance(found, dict):
        raise ArtifactError(f"{path} holds no table: {advice}")
    missing = [name for name in expected if name not in found]
    if missing:
        raise ArtifactError(f"{path} lacks {', '.join(missing)}: {advice}")
    return found
