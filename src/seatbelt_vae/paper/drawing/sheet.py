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
        note: smaller text below it, such as its interval.
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
        rows: cells of each row, the first of which names the row.
        queries: SQL of the rows behind each row, or none.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[TableCell, ...], ...]
    queries: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """A figure in memory.

    Args:
        canvas: the matplotlib figure; None if there is nothing to draw.
        caption: the caption.
        table: the numbers, if they are few.
        runs: the runs whose images it shows.
    """

    canvas: Figure | None
    caption: str
    table: Table | None = None
    runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drawn:
    """A figure of one experiment under one strength of attack.

    Args:
        name: name of the figure.
        label: the quantity shown.
        strength: ``paper`` or ``strong``; empty without attacks.
        file: the SVG; None if nothing was drawn.
        query: SQL of its rows.
        rows: number of rows.
        caption: the caption, or the reason why there is no figure.
        table: the numbers, if they are few.
    """

    name: str
    label: str
    strength: str
    file: Path | None
    query: str
    rows: int
    caption: str
    table: Table | None = None
