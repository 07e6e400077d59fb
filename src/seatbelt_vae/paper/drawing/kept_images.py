"""Figures of images stay when the run folders they were drawn from are gone.

Rows hold no images, so a figure of images cannot be drawn again from an exported store. Its SVG
names the runs it shows: it is kept as long as the rows ask for the same runs. The name of a run has
a digest of its settings.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

__all__ = ["RUNS", "caption_of"]

RUNS = "data-runs"
"""The attribute of an SVG with the names of the runs it shows."""

_DESCRIPTION = "{http://www.w3.org/2000/svg}desc"


def caption_of(file: Path, runs: Sequence[str]) -> str | None:
    """The caption of an earlier figure of these runs; None if there is no such file."""
    try:
        root = ElementTree.parse(file).getroot()
    except (FileNotFoundError, ElementTree.ParseError):
        return None
    shown = root.get(RUNS)
    return root.findtext(_DESCRIPTION) if shown is not None and shown.split() == [*runs] else None
