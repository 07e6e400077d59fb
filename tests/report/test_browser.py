"""The pages in a real browser: no console error, no sideways scroll on a phone, live controls."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from seatbelt_vae.report import write_comparison
from seatbelt_vae.results import Store
from tests.report.page import Page

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--enable-logging=stderr", "--virtual-time-budget=4000", "--dump-dom"),
)

PROBE = """<script>
addEventListener("load", () => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const shown = (selector) => all(selector).filter((e) => e.offsetParent !== null).length;
  const found = { overflow: document.documentElement.scrollWidth - innerWidth, width: innerWidth };
  found.pairs = shown(".pair");
  document.getElementById("pair-3").click();
  found.chosen = all(".pair").map((e) => e.offsetParent !== null);
  document.getElementById("budget-4").click();
  found.budgets = [...new Set(all(".six img.budget").filter((e) => e.offsetParent !== null)
    .map((e) => e.alt.split("ε = ")[1]))];
  const table = document.querySelector("table.sortable");
  const models = () => [...table.tBodies[0].rows].map((row) => row.cells[1].textContent.trim());
  const heading = table.tHead.rows[0].cells[1];
  heading.querySelector("button").click();
  found.ascending = [heading.getAttribute("aria-sort"), models()];
  heading.querySelector("button").click();
  found.descending = [heading.getAttribute("aria-sort"), models()];
  const back = () => getComputedStyle(document.body).backgroundColor;
  found.backs = [back()];
  document.getElementById("theme").click();
  found.backs.push(back());
  parent.postMessage(JSON.stringify(found), "*");
});
</script>"""

SCORES_PROBE = """<script>
addEventListener("load", () => {
  const table = document.querySelector("table.sortable");
  const models = () => [...table.tBodies[0].rows].map((row) => row.cells[0].dataset.sort);
  const found = { overflow: document.documentElement.scrollWidth - innerWidth, width: innerWidth };
  found.first = models();
  table.tHead.rows[0].cells[3].querySelector("button").click();
  found.by_elbo = models();
  parent.postMessage(JSON.stringify(found), "*");
});
</script>"""

FRAME = """<!doctype html><body><pre></pre>
<script>addEventListener("message", (event) => {
  document.querySelector("pre").textContent = event.data; });</script>
<iframe src="probed.html" style="border:0;width:390px;height:800px"></iframe>"""


Visit = tuple[dict[str, Any], str]


def visited(source: str, probe: str, place: Path) -> Visit:
    """Findings of a probe in a frame of 390 pixels, and the log of the browser."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium found")
    probed = source.replace("</body>", f"{probe}</body>")
    (place / "probed.html").write_text(probed, encoding="utf-8")
    (place / "frame.html").write_text(FRAME, encoding="utf-8")
    profile = f"--user-data-dir={place / 'profile'}"
    done = subprocess.run(
        [chromium, *FLAGS, profile, (place / "frame.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    answer = re.search(r"<pre>(\{.*\})</pre>", done.stdout)
    assert answer is not None, done.stderr[-2000:]
    return json.loads(answer[1]), done.stderr


@pytest.fixture(scope="module")
def visit(page: Page, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    """A visit of the report."""
    return visited(page.source, PROBE, tmp_path_factory.mktemp("browser"))


def test_no_console_error(visit: Visit) -> None:
    logged = [line for line in visit[1].splitlines() if "CONSOLE" in line]
    assert logged == []


def test_a_phone_needs_no_sideways_scroll(visit: Visit) -> None:
    assert visit[0]["width"] == 390
    assert visit[0]["overflow"] <= 0


def test_choosers_show_one_pair_at_one_budget(visit: Visit) -> None:
    assert visit[0]["pairs"] == 1
    assert visit[0]["chosen"] == [False, False, False, True, False]
    assert visit[0]["budgets"] == ["0.5"]


def test_a_heading_sorts_up_then_down(visit: Visit) -> None:
    order, up = visit[0]["ascending"]
    assert order == "ascending"
    assert up == sorted(up, key=float)
    assert len(set(up)) == 3
    assert visit[0]["descending"] == ["descending", up[::-1]]


def test_the_button_changes_the_theme(visit: Visit) -> None:
    first, second = visit[0]["backs"]
    assert first != second


def test_the_score_page_fits_a_phone_and_sorts(demo: list[Path], tmp_path: Path) -> None:
    page = write_comparison(Store.open(demo), tmp_path / "compare.html").read_text(encoding="utf-8")
    found, said = visited(page, SCORES_PROBE, tmp_path)
    assert [line for line in said.splitlines() if "CONSOLE" in line] == []
    assert found["width"] == 390
    assert found["overflow"] <= 0
    assert found["first"] == ["seatbelt", "beta-tcvae", "vae"]
    assert found["by_elbo"] == ["beta-tcvae", "seatbelt", "vae"]
