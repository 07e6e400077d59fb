"""Commands that repeat an audit, or a part of it, from the command that made it."""

import shlex
from collections.abc import Collection, Sequence

from seatbelt_vae.runs.audit_document import Audit

__all__ = ["data_options", "elsewhere", "lines", "repeated"]

_ELSEWHERE = {"out": "again"}
_OF_THE_DATA = ("--data", "--root", "--image-size")
_LONG = 90


def repeated(command: str, **options: str | int) -> str:
    """A command with other values of some options, without JUnit; empty if it is no command.

    Example:
        >>> repeated("seatbelt-vae audit m.py:f --pairs 4 --junit a.xml", pairs=2, out="again")
        'seatbelt-vae audit m.py:f --pairs 2 --out again'
    """
    changed = {f"--{name.replace('_', '-')}": str(value) for name, value in options.items()}
    kept = _groups(command, but={*changed, "--junit"})
    return _joined([*kept, *map(list, changed.items())]) if kept else ""


def elsewhere(audit: Audit) -> dict[str, str]:
    """The option of another folder of results.

    Results of a run, and of a folder of results, have only one place: empty for these.
    """
    named = audit.target.source in _words(audit.command)
    return _ELSEWHERE if named and audit.target.kind != "run" else {}


def data_options(command: str) -> str:
    """The options of a command that name the data set."""
    return _joined([group for group in _groups(command) if group[0] in _OF_THE_DATA])


def lines(command: str) -> str:
    """A long command with one option per line, as a shell reads it.

    Example:
        >>> print(lines(f"seatbelt-vae audit {'m' * 80} --pairs 4").partition(" ")[2][-17:])
        m \\
            --pairs 4
    """
    if len(command) <= _LONG:
        return command
    return " \\\n    ".join(_joined([group]) for group in _groups(command)) or command


def _groups(command: str, but: Collection[str] = ()) -> list[list[str]]:
    """The words before all options, then each option with its values, except some options."""
    groups = list[list[str]]()
    for word in _words(command):
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            groups.append([name.replace("_", "-"), *([value] if equals else [])])
        elif groups:
            groups[-1].append(word)
        else:
            groups.append([word])
    return [group for group in groups if group[0] not in but]


def _words(command: str) -> list[str]:
    """The words of a command; none if a quotation is not closed."""
    try:
        return shlex.split(command)
    except ValueError:
        return []


def _joined(groups: Sequence[Sequence[str]]) -> str:
    return shlex.join([word for group in groups for word in group])
