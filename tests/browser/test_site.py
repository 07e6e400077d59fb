"""The pages of the site keep the rules of access, in both themes and on a phone."""

from pathlib import Path
from typing import Any

import pytest

from tests.documentation.site import PACKAGES, build_site

from .visitor import Visitor

for package in PACKAGES:
    pytest.importorskip(package)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, driver: Any) -> Path:
    del driver
    return build_site(tmp_path_factory.mktemp("site"))


@pytest.mark.parametrize(
    ("width", "height", "theme"),
    [(1280, 860, "light"), (1280, 860, "dark"), (390, 844, "light")],
    ids=["light", "dark", "phone"],
)
def test_every_page_keeps_the_rules_of_access(
    width: int, height: int, theme: str, site: Path, driver: Any
) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 40
    broken = {}
    for page in pages:
        visitor = Visitor(driver, page.as_uri(), theme, "document.readyState === 'complete'")
        visitor.size(width, height, theme)
        if rules := visitor.broken_rules():
            broken[str(page.relative_to(site))] = rules
        visitor.close()
    assert broken == {}
