"""Commands that print the rows of a figure, to copy."""

import re
import shlex

__all__ = ["results_command"]


def results_command(query: str, rows: str) -> str:
    r"""The shell command that prints the rows of a query.

    Args:
        query: the SQL.
        rows: the folder of run folders, or an exported store.

    Example:
        >>> print(results_command("SELECT run FROM pairs WHERE \"gap@0.2\" > 0", "my rows"))
        seatbelt-vae results 'SELECT run FROM pairs WHERE "gap@0.2" > 0' --runs 'my rows'
    """
    return f"seatbelt-vae results {_quoted(query)} --runs {shlex.quote(rows)}"


def _quoted(text: str) -> str:
    if "'" not in text or "!" in text:  # interactive shells expand ! in double quotes
        return shlex.quote(text)
    # double quotes leave the single quotes of SQL readable
    return '"' + re.sub(r'([\\"$`])', r"\\\1", text) + '"'
