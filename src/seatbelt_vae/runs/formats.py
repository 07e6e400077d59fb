"""Conversion of stored settings and architectures from older formats, one step per format."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from seatbelt_vae.errors import ArtifactError

__all__ = ["FORMAT", "STEPS", "Part", "checked_format", "up_to_date"]

Part = Literal["settings", "architecture"]
Table = dict[str, Any]

FORMAT = 1
"""Version of the stored settings, architectures and file names.

It rises when a setting is renamed, removed or changes meaning. A new setting with a default needs
no new format. Architectures have no defaults.
"""

STEPS: Mapping[int, Mapping[Part, Callable[[Table], Table]]] = {}
"""For each older format n, the functions that convert its parts to format n + 1.

A part that did not change has no entry. A step passes on unknown keys, so that the reader reports a
damaged file.
"""


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
    known = "format 1" if FORMAT == 1 else f"formats 1 to {FORMAT}"
    raise ArtifactError(
        f"{path} is a {kind} of format {found}, this version reads {known}: use the version that "
        f"wrote it{otherwise}"
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
