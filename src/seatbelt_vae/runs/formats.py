"""Conversion of stored settings and architectures from older formats, one step per format."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from seatbelt_vae.config.training_defences import surely_unread
from seatbelt_vae.errors import ArtifactError

__all__ = ["FORMAT", "STEPS", "Part", "by_first_names", "checked_format", "up_to_date"]

Part = Literal["settings", "architecture", "attack", "evaluation"]
Table = dict[str, Any]
Step = Callable[[Table], Table]

FORMAT = 3
"""Version of all stored content: settings, architecture, rows and file names.

It increases when content is renamed, removed or changes its meaning. An added setting needs no new
format, since a missing setting has its default; an architecture has no defaults.

Format 2 renamed settings and columns (`strength`, `optional_metrics`, `suite`), `battery.json` to
`suite.json`, and counts the layers in ``units.parquet`` from 1. Format 3 leaves out the defaults of
settings that no chosen defence reads, which format 2 stated and another default made invalid.
"""

_RENAMED: Mapping[Part, Mapping[str, str]] = {
    "attack": {"protocol": "strength"},
    "evaluation": {"also": "optional_metrics", "downstream_protocols": "downstream_strengths"},
}
"""Settings of format 1 that were renamed in format 2, by old name."""


def _renaming(names: Mapping[str, str]) -> Step:
    def step(table: Table) -> Table:
        return {
            key if names.get(key, key) in table else names.get(key, key): value
            for key, value in table.items()
        }

    return step


def _without_unread(settings: Table) -> Table:
    objective = settings.get("objective")
    if not isinstance(objective, dict) or not isinstance(objective.get("defence", []), list):
        return settings
    unread = surely_unread([str(name) for name in objective.get("defence", [])])
    return settings | {"objective": {k: v for k, v in objective.items() if k not in unread}}


STEPS: Mapping[int, Mapping[Part, Step]] = {
    1: {part: _renaming(names) for part, names in _RENAMED.items()},
    2: {"settings": _without_unread},
}
"""For each older format n, the functions that turn a part stored in format n into format n + 1.

A part without an entry did not change. A step keeps unknown keys, so that the reader of the final
table reports a damaged file.
"""


def by_first_names(part: Part, settings: Table) -> Table:
    """Settings with their names in format 1; digests use them, so that renaming changes no digest.

    Example:
        >>> by_first_names("attack", {"loss": "output", "strength": "paper"})
        {'loss': 'output', 'protocol': 'paper'}
    """
    first = {new: old for old, new in _RENAMED[part].items()}
    return {first.get(key, key): value for key, value in settings.items()}


def checked_format(path: Path, kind: str, content: object, otherwise: str = "") -> int:
    """Read and check the format version of a stored file.

    Args:
        path: the file or folder, for the error message.
        kind: its kind, for the error message.
        content: the parsed file that holds ``format``.
        otherwise: further advice at the end of the error message.

    Raises:
        ArtifactError: no format version, or an unknown one.
    """
    found = content.get("format") if isinstance(content, dict) else None
    if type(found) is int and 1 <= found <= FORMAT:
        return found
    raise ArtifactError(
        f"{path} is a {kind} of format {found}, this version reads formats 1 to {FORMAT}: use the "
        f"version that wrote it{otherwise}"
    )


def up_to_date(part: Part, content: Any, found: int) -> Any:
    """Convert a stored part to the current format.

    Args:
        part: settings or architecture.
        content: the parsed file; anything but a table is returned unchanged.
        found: the format version it was stored in.
    """
    for older in range(found, FORMAT):
        step = STEPS[older].get(part)
        if step is not None and isinstance(content, dict):
            content = step(content)
    return content
