"""Reads the contents of a suite folder; each part is read on first access."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.runs.checked_files import (
    Row,
    Tensors,
    checked,
    checked_rows,
    checked_table,
    checked_tensors,
)
from seatbelt_vae.runs.json_files import read_json
from seatbelt_vae.runs.settings import read_settings
from seatbelt_vae.runs.suites import read_suite, suite_file

__all__ = ["ATTACKS", "PICTURED", "Measured", "Suite"]

PICTURED = 20
"""Number of pairs of a suite with pictures in a report."""

ATTACKS = "pair-*.parquet"
"""The files of attacks in the folder of a suite."""

_ATTACK = (
    *("pair", "level", "level_relative", "delta", "bound"),
    *("divergence_start", "divergence_floor", "divergence_ratio"),
)
_BUDGET = ("how", "told_apart", "pair", "epsilon", "gap", "blend_gap", "distance_relative")
_MEASURE = ("pair", "told_apart_distortion", "distortion", "distance_relative")
_PAIR = ("pair", "told_apart", "input_index", "target_index", "gap@0.2")
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
        return checked_table(self.folder / "summary.json", ["measures", "pairs_told_apart"])

    @cached_property
    def pairs(self) -> list[Row]:
        """One row per pair."""
        return checked_rows(self.folder / "pairs", _PAIR)

    @cached_property
    def attacks(self) -> list[Row]:
        """One row of measures per attack."""
        return checked_rows(self.folder / "measures", _MEASURE)

    @cached_property
    def budgets(self) -> list[Row]:
        """One row per pair and budget."""
        return checked_rows(self.folder / "budgets", _BUDGET)

    @cached_property
    def pictures(self) -> Tensors:
        """Images at all budgets of the first `PICTURED` pairs, stacked."""
        from torch import stack

        folder = self.folder / "budgets"
        files = sorted(folder.glob("*.safetensors"))[:PICTURED]
        if not files:
            raise ArtifactError(
                f"{folder} holds no pictures: move {folder.parent}/pairs away and run `attack` "
                f"again"
            )
        pairs = [checked_tensors(path, _PICTURES) for path in files]
        return {name: stack([pair[name] for pair in pairs]) for name in _PICTURES}

    @cached_property
    def estimates(self) -> dict[str, Row]:
        """Value, low, high, kind, n and unit of each measure of the summary."""
        path = self.folder / "summary.json"
        measures: dict[str, Row] = checked(path, self.summary["measures"])
        columns = ("value", "low", "high", "kind", "n")
        return {name: checked(path, found, columns) for name, found in measures.items()}

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
            raise ArtifactError(
                f"{error}: restore it, or move {self.folder} away and attack again"
            ) from None

    @cached_property
    def about(self) -> Row:
        """The content of ``suite.json``."""
        expected = ["pairs", "digest", "model"]
        return checked(suite_file(self.folder), read_suite(self.folder), expected)

    @property
    def images(self) -> str | None:
        """The identity of the data set; None if an older version made the suite."""
        return self.about.get("images")

    @cached_property
    def attacks(self) -> list[Row]:
        """One row per attack on the pairs attacked so far."""
        if not any(self.folder.glob(ATTACKS)):
            return []
        return checked_rows(self.folder, _ATTACK, ATTACKS)

    @cached_property
    def flags(self) -> list[Row] | None:
        """Validity flags; None until every pair has been attacked."""
        path = self.folder / "flags.json"
        if not path.exists():
            return None
        flags = read_json(path)
        if not isinstance(flags, list):
            raise ArtifactError(f"{path} is not a list of flags: move it away and attack again")
        return [checked(path, flag, ["name", "raised", "detail"]) for flag in flags]

    @cached_property
    def measured(self) -> Measured | None:
        """Measurements; None until every attacked pair has been measured."""
        return Measured(self.folder) if (self.folder / "summary.json").exists() else None

    @property
    def pairs_attacked(self) -> int:
        """Number of pairs with stored attacks."""
        return len({row["pair"] for row in self.attacks})
