"""The site builds without a warning, its links lead somewhere, and it has every public name."""

import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

import seatbelt_vae
from seatbelt_vae.attacks import FLAGS
from seatbelt_vae.cli.parsing import VERBS
from seatbelt_vae.runs.audit_document import audit_schema
from tests.documentation.site import PACKAGES, build_site

for package in PACKAGES:
    pytest.importorskip(package)


class Targets(HTMLParser):
    """Ids and links of one page, and the resources of other servers that it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids, self.links, self.loaded = {""}, list[str](), list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the ids and links of a tag."""
        found = dict(attrs)
        self.ids |= {found.get("id") or ""}
        link = found.get("href") or found.get("src")
        if link and "://" not in link:
            self.links.append(link)
        elif link and tag != "a":
            self.loaded.append(link)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Targets]:
    """The pages of the built site by path."""
    place = build_site(tmp_path_factory.mktemp("site"))
    pages = place.rglob("*.html")
    return {str(p.relative_to(place)): Targets(p.read_text("utf-8")) for p in pages}


def test_every_link_leads_somewhere(site: dict[str, Targets]) -> None:
    assert list(broken_links(site)) == []


def broken_links(site: dict[str, Targets]) -> Iterator[str]:
    for page, targets in site.items():
        for link in map(unquote, targets.links):
            path, _, anchor = link.partition("#")
            there = os.path.normpath(Path(page).parent / path.partition("?")[0]) if path else page
            if there in site and anchor not in site[there].ids:
                yield f"{page}: {link}"


def test_nothing_is_loaded_from_elsewhere(site: dict[str, Targets]) -> None:
    assert {page: t.loaded for page, t in site.items() if t.loaded} == {}


def test_every_public_name_is_documented_once(site: dict[str, Targets]) -> None:
    pages = [targets.ids for page, targets in site.items() if page.startswith("reference/api/")]
    for name in seatbelt_vae.__all__:
        assert sum(f"seatbelt_vae.{name}" in ids for ids in pages) == 1, name


def test_every_declaration_has_a_section(site: dict[str, Targets]) -> None:
    verbs = {f"data-{verb}" for verb in ("list", "prepare", "check")} | VERBS.keys() - {"data"}
    assert verbs <= site["reference/command-line.html"].ids
    assert {re.sub(r"\W+", "-", name) for name in FLAGS} <= site["flags.html"].ids
    objects = {name for name, entry in audit_schema()["$defs"].items() if "properties" in entry}
    assert {name.replace("_", "-") for name in objects} <= site["reference/audit-json.html"].ids


def test_broken_links_and_foreign_resources_are_found() -> None:
    a = Targets('<a href="b.html#there"></a><a href="sub/../b.html#gone"></a>')
    b = Targets('<p id="there"></p><a href="#there"></a><script src="https://x.org/a.js"></script>')
    assert list(broken_links({"a.html": a, "b.html": b})) == ["a.html: sub/../b.html#gone"]
    assert b.loaded == ["https://x.org/a.js"]


def test_formulas_are_read_as_in_latex() -> None:
    from docs.site.mathml import as_mathml

    for formula in (r"\tfrac12 (a)", r"\frac12(a)", r"\frac{1}{2}(a)"):
        assert re.search(r"<mfrac[^>]*>\s*<mn>1</mn>\s*<mn>2</mn>\s*</mfrac>", as_mathml(formula))
    assert "…" in as_mathml(r"1, \dots, L")
