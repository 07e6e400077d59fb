"""Conversion of view and column names from earlier formats."""

from collections.abc import Mapping

from seatbelt_vae.results.columns import views
from seatbelt_vae.results.sql_text import identifier

__all__ = ["current_column", "current_view", "selected", "stored_column"]

_VIEWS: Mapping[int, Mapping[str, str]] = {1: {"batteries": "suites"}}
_COLUMNS: Mapping[int, Mapping[str, str]] = {1: {"battery": "suite", "protocol": "strength"}}
_SHIFTED: Mapping[int, Mapping[tuple[str, str], int]] = {1: {("units", "layer"): 1}}
"""Offsets added to the column of a view: format 1 numbered layers from 0."""


def current_view(name: str, found: int) -> str:
    """The current name of a view that an exported store of format ``found`` calls ``name``."""
    return _VIEWS.get(found, {}).get(name, name)


def current_column(view: str, column: str, found: int) -> str:
    """The current name of a column stored in format ``found``; unknown columns keep their name."""
    renamed = _COLUMNS.get(found, {}).get(column, column)
    return renamed if renamed in views().get(view, {}) else column


def stored_column(view: str, column: str, found: int) -> str:
    """The name of a current column in files of format ``found``."""
    names = {new: old for old, new in _COLUMNS.get(found, {}).items()}
    stored = names.get(column, column)
    return stored if current_column(view, stored, found) == column else column


def selected(view: str, column: str, found: int) -> str:
    """SQL that selects a stored column of a view with its current name."""
    shift = _SHIFTED.get(found, {}).get((view, column), 0)
    added = f" + {shift}" if shift else ""
    return f"{identifier(column)}{added} AS {identifier(current_column(view, column, found))}"
