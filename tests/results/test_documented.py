"""The documentation has every view and every known column."""

import re
import runpy
from pathlib import Path

import pytest

from seatbelt_vae.results.columns import views

DOCS = Path(__file__).parents[2] / "docs"
ROWS = (DOCS / "rows.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([^`\n]+)`", re.sub(r"(?s)```.*?```", "", ROWS)))
NAMED |= {name for text in NAMED for name in text.split(", ")}
BETWEEN = {f"gap_of_rows@{e}" for e in (0.1, 0.2, 0.3)}


@pytest.mark.parametrize("view", views())
def test_columns_are_documented(view: str) -> None:
    assert view in NAMED
    assert set(views()[view]) - NAMED - BETWEEN == set()


def test_tables_of_measures_are_made_from_their_declarations() -> None:
    written = runpy.run_path(str(DOCS / "measures.py"))["with_tables"](ROWS)
    assert written == ROWS, "run python docs/measures.py"
