"""Pages that are written to files keep the rules of access, in both themes and on a phone."""

from pathlib import Path
from typing import Any

import pytest

from seatbelt_vae.auditing.page import write_audit_report
from seatbelt_vae.report import write_comparison, write_report
from seatbelt_vae.results import Store
from tests.auditing.stored_audit import write_audited
from tests.report.synthetic import write_demo

from .visitor import Visitor

REPRODUCTIONS = Path(__file__).parents[2] / "docs" / "reproduction"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, driver: Any) -> dict[str, Path]:
    del driver
    place = tmp_path_factory.mktemp("pages")
    runs = [run.path for run in write_demo(place / "runs")]
    return {
        "report": write_report(runs, place / "report.html"),
        "comparison": write_comparison(Store.open(runs), place / "comparison.html"),
        "audit": write_audit_report(write_audited(place / "audit")),
        "small": REPRODUCTIONS / "small" / "reproduction.html",
        "defences": REPRODUCTIONS / "defences" / "reproduction.html",
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "comparison", "audit", "small", "defences"])
def test_a_page_keeps_the_rules_of_access(
    name: str, theme: str, pages: dict[str, Path], driver: Any
) -> None:
    ready = "document.readyState === 'complete'"
    visitor = Visitor(driver, pages[name].as_uri(), theme, ready)
    for width, height in ((1280, 860), (390, 844)):
        visitor.size(width, height, theme)
        assert visitor.broken_rules() == []
