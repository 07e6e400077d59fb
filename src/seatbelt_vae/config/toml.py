"""Write and read settings as TOML; unknown keys and values of another type are errors."""

import codecs
import dataclasses
import tomllib
import types
import typing
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import tomli_w

from seatbelt_vae.config.checks import perhaps
from seatbelt_vae.errors import ConfigError, UnreadableError

__all__ = ["dump_toml", "from_dict", "load_toml"]

Config = TypeVar("Config")


def dump_toml(config: Any) -> str:
    """The settings, a dataclass or a table, as TOML; a setting that is None is not written.

    Example:
        >>> from seatbelt_vae.config.model import ModelConfig
        >>> dump_toml(ModelConfig(preset="vae")).splitlines()[0]
        'preset = "vae"'
    """
    table = config if isinstance(config, dict) else dataclasses.asdict(config)
    return tomli_w.dumps(_without_none(table))


def load_toml(
    path: Path, kind: type[Config], revise: Callable[[dict[str, Any]], Any] = dict
) -> Config:
    """Settings read from a TOML file.

    Args:
        path: the file.
        kind: the settings' class.
        revise: maps the parsed table to one with the current names.

    Raises:
        ConfigError: the file is missing or not TOML, a key is unknown, or a value is invalid.
        UnreadableError: the system does not let this process read it.
    """
    text = _text(path)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        paths = "; write paths with / or in single quotes" if '"' in text and "\\" in text else ""
        raise ConfigError(f"{path} is not valid TOML ({error}){paths}") from None
    try:
        return from_dict(kind, revise(table))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _text(path: Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark, and with any line ends."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"no such configuration file: {path}") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder: give a TOML file") from None
    except OSError as error:
        raise UnreadableError.of(path, error) from None
    try:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise ConfigError(f"{path} is UTF-16, expected UTF-8: save it as UTF-8")
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path} is not UTF-8 (byte 0x{content[error.start]:02x} in line {line}): save it as "
            f"UTF-8"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def from_dict(kind: type[Config], table: Any, where: str = "") -> Config:
    """An instance of a settings dataclass from nested dictionaries.

    Raises:
        ConfigError: not a dictionary, an unknown or missing key, or a value of another type.
    """
    if not isinstance(table, dict):
        name = where.removesuffix(".") or "the content"
        raise ConfigError(f"{name} is {table!r}, expected a table of settings")
    hints = typing.get_type_hints(kind)
    values = {}
    for key, value in table.items():
        if key not in hints:
            raise ConfigError(f"unknown setting {where + key!r}: {perhaps(key, hints)}")
        values[key] = _convert(hints[key], value, where + key)
    missing = [where + name for name in _required(kind) if name not in values]
    if missing:
        raise ConfigError(f"settings are missing that have no default: {', '.join(missing)}")
    return kind(**values)


def _required(kind: Any) -> list[str]:
    unset = dataclasses.MISSING
    return [f.name for f in dataclasses.fields(kind) if f.default is f.default_factory is unset]


def _convert(hint: Any, value: Any, name: str) -> Any:
    if value is None and types.NoneType in _options(hint):
        return None
    for option in _options(hint):
        if dataclasses.is_dataclass(option) and isinstance(option, type):
            return from_dict(option, value, where=f"{name}.")
        if typing.get_origin(option) is tuple and isinstance(value, list):
            item, *rest = typing.get_args(option)
            if rest != [...] and len(value) != 1 + len(rest):
                raise ConfigError(f"{name} is {value!r}, expected {1 + len(rest)} values")
            return tuple(_convert(item, element, name) for element in value)
        # the dataclass checks the word, or the keys of the table
        if typing.get_origin(option) is typing.Literal and isinstance(value, str):
            return value
        if typing.get_origin(option) is dict and isinstance(value, dict):
            _, item = typing.get_args(option)
            if item is Any:
                return value
            return {key: _convert(item, each, f"{name}.{key}") for key, each in value.items()}
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            with suppress(OverflowError):
                return float(value)
        if isinstance(option, type) and type(value) is option:
            return value
    raise ConfigError(f"{name} is {value!r}, expected {_readable(hint, name)}")


def _options(hint: Any) -> tuple[Any, ...]:
    # Literal | None is a typing.Union, other unions are types.UnionType (until Python 3.14)
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if is_union else (hint,)


def _readable(hint: Any, name: str) -> str:
    words: list[str] = []
    for option in _options(hint):
        if typing.get_origin(option) is typing.Literal:
            words += map(repr, typing.get_args(option))
        elif typing.get_origin(option) is dict:
            words.append(f"a table [{name}]")
        elif dataclasses.is_dataclass(next(iter(typing.get_args(option)), None)):
            words.append(f"tables [[{name}]]")
        elif option is not types.NoneType:
            words.append(str(option) if typing.get_args(option) else option.__name__)
    return " or ".join(words)


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in table.items()
        if value is not None
    }
