"""Results on stdout: one JSON object, or tables."""

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from seatbelt_vae.runs.json_files import finite

__all__ = ["line_width", "print_json", "print_table"]

_WIDTH_WHEN_PIPED = 120


def print_json(content: Mapping[str, Any]) -> None:
    """Print ``content`` as one JSON object; numbers that are not finite become null."""
    print(json.dumps(finite(content), allow_nan=False))


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    words: Collection[int] = (0,),
) -> None:
    """Print a table; the columns at the positions ``words`` are aligned to the left."""
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position in words else "right")
    for row in rows:
        table.add_row(*row)
    Console(width=line_width(), highlight=False, markup=False).print(table)


def line_width() -> int:
    """Characters per line of stdout."""
    return Console().width if sys.stdout.isatty() else _WIDTH_WHEN_PIPED
