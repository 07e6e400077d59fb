"""The results of drawing: a file, its query, its caption and its table."""

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
        published: whether it is from the paper.
    """

    text: str
    note: str = ""
    published: bool = False


@dataclass(frozen=True)
class Table:
    """The numbers of a figure as text.

    Args:
        head: names of the columns.
        rows: as many cells, the first of which names the row.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[TableCell, ...], ...]


@dataclass(frozen=True)
class Sheet:
    """A figure before it is a file.

    Args:
        canvas: the matplotlib figure; None if there is nothing to draw.
        caption: its text.
        panels: the data sets it shows.
        table: its numbers, if they are few.
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
        label: the quantity it shows.
        protocol: ``paper`` or ``strong``; empty without attacks.
        file: the SVG; None if nothing was drawn.
        query: SQL of its rows.
        rows: number of rows.
        caption: its text, or why there is no figure.
        panels: the data sets it shows.
        table: its numbers, if they are few.
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
