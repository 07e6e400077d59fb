"""Settings to TOML and back: what is written re-runs, what is misspelt is named."""

import dataclasses
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

import tomli_w

from seatbelt_vae.config.checks import perhaps
from seatbelt_vae.errors import ConfigError

__all__ = ["dump_toml", "from_dict", "load_toml"]

Config = TypeVar("Config")


def dump_toml(config: Any) -> str:
    """The settings as TOML; what is None (left to its default) is not written.

    Example:
        >>> from seatbelt_vae.config.run import DataConfig
        >>> dump_toml(DataConfig(images=10))
        'name = "dsprites"\\nimages = 10\\n'
    """
    return tomli_w.dumps(_without_none(dataclasses.asdict(config)))


def load_toml(path: Path, kind: type[Config]) -> Config:
    """Settings read from a TOML file.

    Raises:
        ConfigError: the file is missing or no TOML, a key is unknown, or a value is not valid.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no such configuration file: {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML ({error})") from None
    try:
        return from_dict(kind, table)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def from_dict(kind: type[Config], table: dict[str, Any], where: str = "") -> Config:
    """An instance of a settings dataclass from nested dictionaries, strictly.

    Raises:
        ConfigError: an unknown key, or a value of another type than the setting's.
    """
    hints = typing.get_type_hints(kind)
    values = {}
    for key, value in table.items():
        if key not in hints:
            raise ConfigError(f"unknown setting {where + key!r}: {perhaps(key, hints)}")
        values[key] = _convert(hints[key], value, where + key)
    return kind(**values)


def _convert(hint: Any, value: Any, name: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise ConfigError(f"{name} is {value!r}, expected a table of settings")
        return from_dict(hint, value, where=f"{name}.")
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        if typing.get_origin(option) is tuple and isinstance(value, list):
            item = typing.get_args(option)[0]
            return tuple(_convert(item, element, name) for element in value)
        if typing.get_origin(option) is typing.Literal and isinstance(value, str):
            return value  # the dataclass itself says what it knows
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if isinstance(option, type) and type(value) is option:
            return value
    raise ConfigError(f"{name} is {value!r}, expected {_readable(hint)}")


def _readable(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).removesuffix(" | None")


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in table.items()
        if value is not None
    }
