"""Markdown of generated parts."""

import re
from collections.abc import Iterable, Sequence

__all__ = ["escaped", "table"]


def escaped(text: str) -> str:
    """Text of a docstring as Markdown; code stays code, and doubled backticks become single."""
    text = " ".join(text.replace("``", "`").split())
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if part.startswith("`") else re.sub(r"([*_<|\[\]])", r"\\\1", part) for part in parts
    ).replace(" \\| ", " \\| ")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
