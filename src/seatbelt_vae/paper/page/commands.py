"""Commands that a reader can copy: how the rows of a figure are asked for."""

import re
import shlex

__all__ = ["results_command"]


def results_command(query: str, rows: str) -> str:
    r"""What prints the rows that a query finds, ready for a shell.

    Args:
        query: the SQL.
        rows: the folder of run folders, or an exported store.

    Example:
        >>> print(results_command("SELECT run FROM pairs WHERE \"gap@0.2\" > 0", "my rows"))
        seatbelt-vae results 'SELECT run FROM pairs WHERE "gap@0.2" > 0' --runs 'my rows'
    """
    return f"seatbelt-vae results {_quoted(query)} --runs {shlex.quote(rows)}"


def _quoted(text: str) -> str:
    """SQL has single quotes in it, so double ones read better."""
    if "'" not in text or "!" in text:  # interactive shells read ! in double quotes
        return shlex.quote(text)
    return '"' + re.sub(r'([\\"$`])', r"\\\1", text) + '"'
