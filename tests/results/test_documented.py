"""Every view and every column that is always there stands in the documentation."""

import re
from pathlib import Path

import pytest

from seatbelt_vae.results.columns import VIEWS

ROWS = (Path(__file__).parents[2] / "docs" / "rows.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([^`\n]+)`", re.sub(r"(?s)```.*?```", "", ROWS)))
NAMED |= {name for text in NAMED for name in text.split(", ")}
BETWEEN = {f"{name}@{e}" for name in ("gap", "gap_of_rows", "blend_gap") for e in (0.1, 0.2, 0.3)}


@pytest.mark.parametrize("view", VIEWS)
def test_columns_are_documented(view: str) -> None:
    assert view in NAMED
    assert set(VIEWS[view]) - NAMED - BETWEEN == set()
