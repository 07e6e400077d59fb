"""The page in a real browser at a phone's width: nothing is cut off, the console is empty."""

from seatbelt_vae.paper.experiment_jobs import plan
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.page import draw_section, write_page
from seatbelt_vae.paper.sizes import SIZES
from tests.paper.made_up import made_up
from tests.report.test_browser import visited

PROBE = """<script>addEventListener("load", () => {
  for (const part of document.querySelectorAll("details")) part.open = true;
  const drawings = [...document.querySelectorAll("svg.drawing")];
  const root = document.documentElement;
  parent.postMessage(JSON.stringify({
    overflow: root.scrollWidth - innerWidth, drawings: drawings.length,
    small: drawings.filter((e) => e.getBoundingClientRect().width < 390).length }), "*");
});</script>"""


def test_a_phone_needs_no_sideways_scroll(tmp_path):
    chosen = [EXPERIMENTS["fig3"], EXPERIMENTS["table1"]]
    store = made_up(chosen, SIZES["smoke"], pairs=3)
    sections = [draw_section(one, store, tmp_path / "figures", tmp_path) for one in chosen]
    whole = plan(chosen, SIZES["smoke"])
    page = write_page(
        *(tmp_path / "page.html", sections, [], whole), rows="rows", commands=["reproduce"]
    ).read_text(encoding="utf-8")
    # the page itself allows no script
    probed = page.replace("style-src", "script-src 'unsafe-inline'; style-src")
    answer, log = visited(probed, PROBE, tmp_path)
    assert answer["overflow"] <= 0
    # scrolled in their own frames, not shrunk beyond reading
    assert (answer["drawings"], answer["small"]) == (6, 0)
    assert not [line for line in log.splitlines() if "CONSOLE" in line]
