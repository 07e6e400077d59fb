"""The page in a real browser, as wide as a phone: nothing is cut off, nothing is complained of."""

import re
import shutil
import subprocess

import pytest

from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.page import show, write_page
from seatbelt_vae.paper.plan import plan
from seatbelt_vae.paper.sizes import SIZES
from tests.paper.made_up import made_up
from tests.report.test_browser import FLAGS, FRAME

PROBE = """<script>addEventListener("load", () => {
  for (const part of document.querySelectorAll("details")) part.open = true;
  const drawings = [...document.querySelectorAll("svg.drawing")];
  const root = document.documentElement;
  parent.postMessage(JSON.stringify({
    overflow: root.scrollWidth - innerWidth, drawings: drawings.length,
    small: drawings.filter((e) => e.getBoundingClientRect().width < 390).length }), "*");
});</script>"""


def test_a_phone_needs_no_sideways_scroll(tmp_path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium found")
    chosen = [EXPERIMENTS["fig3"], EXPERIMENTS["table1"]]
    store = made_up(chosen, SIZES["smoke"], pairs=3)
    sections = [show(one, store, tmp_path / "figures", tmp_path) for one in chosen]
    whole = plan(chosen, SIZES["smoke"])
    page = write_page(
        *(tmp_path / "page.html", sections, [], whole), rows="rows", commands=["reproduce"]
    ).read_text(encoding="utf-8")
    # the page itself allows no script
    probed = page.replace("style-src", "script-src 'unsafe-inline'; style-src")
    (tmp_path / "probed.html").write_text(
        probed.replace("</body>", f"{PROBE}</body>"), encoding="utf-8"
    )
    (tmp_path / "frame.html").write_text(FRAME, encoding="utf-8")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run(
        [chromium, *FLAGS, profile, (tmp_path / "frame.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    answer = re.search(
        r"<pre>\{\"overflow\":(-?\d+),\"drawings\":(\d+),\"small\":(\d+)\}", done.stdout
    )
    assert answer is not None, done.stderr[-2000:]
    overflow, drawings, small = map(int, answer.groups())
    assert overflow <= 0
    assert (drawings, small) == (6, 0)  # scrolled in their own frames, not shrunk beyond reading
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
