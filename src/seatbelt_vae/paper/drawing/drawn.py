"""What drawing leaves: a file, what it rests on, and what must be said beneath it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

__all__ = ["Drawn", "Row", "Rows", "Sheet", "Table", "TableCell"]

Row = dict[str, Any]
Rows = Sequence[Row]


@dataclass(frozen=True)
class TableCell:
    """A value of a table.

    Args:
        text: the value.
        note: in smaller type, such as its interval.
        published: whether it is the authors'.
    """

    text: str
    note: str = ""
    published: bool = False


@dataclass(frozen=True)
class Table:
    """A figure's numbers in words.

    Args:
        head: of its columns.
        rows: of as many cells, the first of which names the row.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[TableCell, ...], ...]


@dataclass(frozen=True)
class Sheet:
    """A figure before it is a file.

    Args:
        canvas: what is drawn; None if its rows leave nothing to draw.
        caption: what must be known to read it.
        panels: the data sets it shows.
        table: its numbers, where they are few.
    """

    canvas: Figure | None
    caption: str
    panels: tuple[str, ...] = ()
    table: Table | None = None


@dataclass(frozen=True)
class Drawn:
    """A figure of one experiment under one protocol.

    Args:
        name: of the figure.
        label: what it shows.
        protocol: ``paper`` or ``strong``; empty where nothing was attacked.
        file: the SVG; None if nothing was drawn.
        query: what was asked of the results store.
        rows: how many rows answered.
        caption: what must be known to read it, or why there is none.
        panels: the data sets it shows.
        table: its numbers, where they are few.
    """

    name: str
    label: str
    protocol: str
    file: Path | None
    query: str
    rows: int
    caption: str
    panels: tuple[str, ...] = ()
    table: Table | None = None
