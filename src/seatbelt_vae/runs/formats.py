"""What an earlier version stored, brought up to date one format after the other."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from seatbelt_vae.errors import ArtifactError

__all__ = ["FORMAT", "STEPS", "Part", "checked_format", "up_to_date"]

Part = Literal["settings", "architecture"]
Table = dict[str, Any]

FORMAT = 1
"""Version of what is stored of a model: settings, architecture, and how files are called.

It rises when something is renamed, removed or given another meaning. A setting that is only added
takes its default where it is absent and needs no new format; an architecture has no defaults.
"""

STEPS: Mapping[int, Mapping[Part, Callable[[Table], Table]]] = {}
"""For every older format n, what makes a part stored in it one of format n + 1.

A part that did not change has no entry. A step gets whatever stood in the file and passes on what
it does not know, so that a damaged file is named by who reads it in the end.
"""


def checked_format(path: Path, kind: str, content: object, otherwise: str = "") -> int:
    """The format that a stored file states.

    Args:
        path: what is read, for the message.
        kind: what it is, likewise.
        content: the parsed file that holds ``format``.
        otherwise: what else there is to do than to use the version that wrote it.

    Raises:
        ArtifactError: none stated, or one that this version does not know.
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
    """A stored part as this version would have written it.

    Args:
        part: which.
        content: as parsed; what is no table is left as it is.
        found: the format it was stored in.
    """
    for older in range(found, FORMAT):
        step = STEPS[older].get(part)
        if step is not None and isinstance(content, dict):
            content = step(content)
    return content
