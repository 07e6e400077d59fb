"""Commands that repeat an audit, or a part of it, from the command that made it."""

import shlex
from collections.abc import Collection, Sequence
from dataclasses import fields

from seatbelt_vae.config import ReadingConfig
from seatbelt_vae.runs.audit_document import Audit

__all__ = ["data_options", "elsewhere", "lines", "repeated"]

_ELSEWHERE = {"out": "again"}
_WORDS_OF_DATA = {"--data": 2, "--root": 2, "--image-size": 2} | {
    f"--{field.name.replace('_', '-')}": 1 if field.default is False else 2
    for field in fields(ReadingConfig)
}
"""Options that name and read a data set, with their number of words."""

_LIST = "--fail-if"
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
    words = _WORDS_OF_DATA
    return _joined([group[: words[group[0]]] for group in _groups(command) if group[0] in words])


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
    """The words before all options, then each option with the words behind it.

    Of the options to leave out, a word behind the value is kept: it is the model.
    """
    groups = list[list[str]]()
    for word in _words(command):
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            groups.append([name.replace("_", "-"), *([value] if equals else [])])
        elif groups:
            groups[-1].append(word)
        else:
            groups.append([word])
    rest = [
        group if group[0] not in but else [] if group[0] == _LIST else group[2:] for group in groups
    ]
    return [group for group in rest if group]


def _words(command: str) -> list[str]:
    """The words of a command; none if a quotation is not closed."""
    try:
        return shlex.split(command)
    except ValueError:
        return []


def _joined(groups: Sequence[Sequence[str]]) -> str:
    return shlex.join([word for group in groups for word in group])
