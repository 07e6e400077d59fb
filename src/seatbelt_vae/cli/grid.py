"""The grid of a sweep, from a grid file or from flags and ``--vary``."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from seatbelt_vae.cli.options import Sweep, Train
from seatbelt_vae.cli.parsing import parse_train
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.sweep import Grid, read_grid
from seatbelt_vae.sweep.grid import SETTINGS

__all__ = ["grid_of", "out_of"]

_NAMES = {
    **{
        key.replace("_", "-"): f"{section}.{key}"
        for section, keys in SETTINGS.items()
        for key in keys
    },
    "data": "data.name",
}
"""The setting of each flag of `train`."""


def grid_of(options: Sweep) -> Grid:
    """The grid of the options.

    Raises:
        ConfigError: an unknown or repeated flag, an invalid value, an invalid grid file, nothing to
            vary, or two folders for the runs.
    """
    if not options.has_file:
        if options.out is not None:
            raise ConfigError(
                f"out is {options.out}, but {options.grid} is the folder of the runs, since it is "
                f"not a .toml file: give one of the two"
            )
        return Grid(train=options.run_config, vary=_varied(options))
    if options.vary:
        raise ConfigError(f"vary with {options.grid}: list all varied settings in it, under [vary]")
    if options.config is not None:
        raise ConfigError(f"config with {options.grid}: put the settings in it, under [train]")
    return replace(read_grid(options.grid), train=options.run_config)


def out_of(options: Sweep, grid: Grid) -> Path:
    """The folder of the runs."""
    if not options.has_file:
        return options.grid
    return options.out or Path(grid.out or f"runs/{options.grid.stem}")


def _varied(options: Sweep) -> dict[str, list[Any]]:
    """The values of each varied setting, by name."""
    if not options.vary:
        raise ConfigError("nothing to vary: give settings, as in --vary beta=1,2,4 seed=0,1")
    base = Train.of(options.run_config, folder=Path())
    varied: dict[str, list[Any]] = {}
    for text in options.vary:
        flag, values = _values(text)
        read = [parse_train([f"--{flag}", *value.split("+")], base).run_config for value in values]
        if flag not in _NAMES:
            raise ConfigError(f"vary is {text!r}, and {flag} is not a setting of a run")
        name = _NAMES[flag]
        if name in varied:
            raise ConfigError(f"{flag} is varied twice: list all its values once")
        varied[name] = [_value(config, name) for config in read]
    return varied


def _values(text: str) -> tuple[str, list[str]]:
    flag, equals, listed = text.partition("=")
    values = [value for value in listed.split(",") if value]
    if not (flag and equals and values):
        raise ConfigError(
            f"vary is {text!r}, expected a flag of train and its values, as in beta=1,2,4 or "
            f"latent-sizes=16,16+8"
        )
    return flag.lstrip("-").replace("_", "-"), values


def _value(config: Any, name: str) -> Any:
    section, _, key = name.partition(".")
    value = getattr(getattr(config, section), key)
    return list(value) if isinstance(value, tuple) else value
