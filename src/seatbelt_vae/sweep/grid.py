"""Grids: shared settings, varied settings, attacks and an evaluation; read from TOML."""

import itertools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from seatbelt_vae.config import (
    AttackConfig,
    EvaluationConfig,
    RunConfig,
    dump_toml,
    load_toml,
)
from seatbelt_vae.config.checks import perhaps
from seatbelt_vae.config.toml import from_dict
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.runs.settings import revised
from seatbelt_vae.workflow import Job

__all__ = ["SETTINGS", "Grid", "read_grid"]

SETTINGS: Mapping[str, Mapping[str, Any]] = asdict(RunConfig())
"""Default settings of a run, by section and name."""


@dataclass(frozen=True)
class Grid:
    """All combinations of the varied settings of a grid file.

    An invalid value is an error. An invalid combination of valid values, such as a warm-up longer
    than its period, is listed in `impossible`.

    Args:
        out: folder of the run folders.
        train: settings shared by all runs.
        vary: list of values by setting, such as ``objective.beta``.
        attack: attack suites of each model.
        evaluation: evaluation of each model (default: none).

    Raises:
        ConfigError: an unknown setting, an invalid value, values that are not a list or not
            distinct, or two suites with the same name.

    Example:
        >>> grid = Grid(vary={"objective.beta": [1, 4], "training.seed": [0, 1]})
        >>> list(grid.jobs)
        ['beta=1_seed=0', 'beta=1_seed=1', 'beta=4_seed=0', 'beta=4_seed=1']
    """

    out: str | None = None
    train: RunConfig = field(default_factory=RunConfig)
    vary: dict[str, Any] = field(default_factory=dict)
    attack: tuple[AttackConfig, ...] = ()
    evaluation: EvaluationConfig | None = None

    def __post_init__(self) -> None:
        Job(self.train, self.attack, self.evaluation)
        for name, values in _flat(self.vary):
            _check_name(name)
            words = [_word(name, value) for value in values] if isinstance(values, list) else []
            if not words or len(set(words)) < len(words):
                raise ConfigError(
                    f"vary: {name} is {values!r}, expected a list of values that differ"
                )
            for value in values:
                self._with({name: value})

    @property
    def jobs(self) -> dict[str, Job]:
        """The jobs, each with its varied settings as the label."""
        return {
            label: Job(made, self.attack, self.evaluation)
            for label, made in self._combinations()
            if isinstance(made, RunConfig)
        }

    @property
    def impossible(self) -> dict[str, str]:
        """The error of each invalid combination, by label."""
        return {
            label: str(made)
            for label, made in self._combinations()
            if isinstance(made, ConfigError)
        }

    def _combinations(self) -> Iterator[tuple[str, RunConfig | ConfigError]]:
        varied = dict(_flat(self.vary))
        for values in itertools.product(*varied.values()):
            chosen = dict(zip(varied, values, strict=True))
            label = "_".join(f"{_leaf(n)}={_word(n, value)}" for n, value in chosen.items())
            try:
                yield label or "run", self._with(chosen)
            except ConfigError as error:
                yield label, error

    def _with(self, chosen: Mapping[str, Any]) -> RunConfig:
        """The shared settings with the chosen values."""
        table = tomllib.loads(dump_toml(self.train))
        for name, value in chosen.items():
            section, _, key = name.partition(".")
            table[section][key] = value
        return from_dict(RunConfig, table)


def read_grid(path: Path) -> Grid:
    """Read a grid file.

    Raises:
        ConfigError: the file is missing, not valid TOML, or not a valid `Grid`.
    """
    return load_toml(path, Grid, lambda table: _revised(path, table))


def _revised(path: Path, table: dict[str, Any]) -> dict[str, Any]:
    """Convert the attacks and the evaluation of a parsed grid file to the current format."""
    attacks, evaluation = table.get("attack"), table.get("evaluation")
    if isinstance(attacks, list):
        renamed = [revised(path, "attack", a) if isinstance(a, dict) else a for a in attacks]
        table = {**table, "attack": renamed}
    if isinstance(evaluation, dict):
        table = {**table, "evaluation": revised(path, "evaluation", evaluation)}
    return table


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Values by dotted name; nested tables and quoted names such as "objective.beta" are equal."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _check_name(name: str) -> None:
    section, _, key = name.rpartition(".")
    if key in SETTINGS.get(section, {}):
        return
    if section in SETTINGS:
        advice = perhaps(key, SETTINGS[section])
    else:
        names = [f"{known}.{key}" for known, keys in SETTINGS.items() if key in keys]
        advice = f"perhaps you meant {names[0]!r}" if names else perhaps(section, SETTINGS)
    raise ConfigError(f"vary: unknown setting {name!r}: {advice}")


def _leaf(name: str) -> str:
    """The last part of a setting's name, as in its command-line flag."""
    return name.rpartition(".")[2].replace("_", "-")


def _word(name: str, value: Any) -> str:
    """A value as part of a folder name."""
    if isinstance(value, list):
        word = "+".join(str(item) for item in value) or "none"
    elif isinstance(value, float):
        word = f"{value:g}"
    else:
        word = str(value)
    if "/" in word:
        raise ConfigError(f"vary: {name} is {word!r}, expected values without /, to name folders")
    return word
