"""Flags given several times: word lists are joined; repeating any other flag is an error."""

import dataclasses
import re
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seatbelt_vae.errors import ConfigError

__all__ = ["add_up", "flag_types"]

_NEGATIVE_NUMBER = re.compile(r"-\.?\d")
_WORDS = (tuple[str, ...], tuple[Path, ...])


def add_up(kind: Any, arguments: Sequence[str]) -> list[str]:
    """The arguments, with all words of a list flag behind its first occurrence.

    Args:
        kind: dataclass of the options.
        arguments: the arguments of the command line.

    Raises:
        ConfigError: a flag of one value, or of a list of numbers, is given several times.

    Example:
        >>> from seatbelt_vae.cli.run_options import Sweep
        >>> add_up(Sweep, ["--vary", "beta=1,4", "--quiet", "--vary=seed=0,1"])
        ['--vary', 'beta=1,4', 'seed=0,1', '--quiet']
    """
    types, first = flag_types(kind), dict[str, list[str]]()
    group = list[str]()  # positional arguments, later a flag and its values
    groups = [group]
    for argument in arguments:
        if not argument.startswith("-") or _NEGATIVE_NUMBER.match(argument):
            group.append(argument)
            continue
        name, equals, value = argument.partition("=")
        flag = name.replace("_", "-")
        if flag not in first or types.get(flag, bool) is bool:
            group = [flag]
            groups.append(group)
            first.setdefault(flag, group)
        elif types[flag] in _WORDS:
            group = first[flag]
        else:
            given = " ".join(first[flag][1:])
            raise ConfigError(f"{flag} is given twice, first as {given!r}: give it once")
        if equals:
            group.append(value)
    return [argument for group in groups for argument in group]


def flag_types(kind: Any) -> dict[str, Any]:
    """The type of each flag of a dataclass, of the dataclasses in it, and of their unions."""
    if not dataclasses.is_dataclass(kind):
        nested = [flag_types(option) for option in typing.get_args(kind)]
        return {flag: found for types in nested for flag, found in types.items()}
    types: dict[str, Any] = {}
    for name, hint in typing.get_type_hints(kind).items():
        inner = flag_types(hint)
        types |= inner or {f"--{name.replace('_', '-')}": hint}
    return types
