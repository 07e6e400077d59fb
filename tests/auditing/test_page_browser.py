"""The report of an audit in a real browser: a phone, the budget switch, both themes."""

from pathlib import Path

from seatbelt_vae.auditing.page import write_audit_report
from tests.auditing.stored_audit import write_audited
from tests.report.test_browser import visited

PROBE = """<script>
addEventListener("load", () => {
  const shown = (selector) => [...document.querySelectorAll(selector)]
    .filter((e) => e.offsetParent !== null);
  const budgets = () => [...new Set(shown(".six img.budget").map((e) => e.alt.split("ε = ")[1]))];
  const found = { overflow: document.documentElement.scrollWidth - innerWidth, width: innerWidth };
  found.first = [budgets(), shown(".six img").length, shown("p.scale").length];
  document.getElementById("budget-7").click();
  found.then = [budgets(), shown(".six img").length, shown("p.scale").length];
  const back = () => getComputedStyle(document.body).backgroundColor;
  found.backs = [back()];
  document.getElementById("theme").click();
  found.backs.push(back());
  parent.postMessage(JSON.stringify(found), "*");
});
</script>"""


def test_the_page_fits_a_phone_and_its_controls_work(tmp_path: Path) -> None:
    page = write_audit_report(write_audited(tmp_path / "audit")).read_text(encoding="utf-8")
    found, said = visited(page, PROBE, tmp_path)
    assert [line for line in said.splitlines() if "CONSOLE" in line] == []
    assert found["width"] == 390
    assert found["overflow"] <= 0
    # eight pairs of six pictures, and one scale
    assert found["first"] == [["0.2"], 48, 1]
    assert found["then"] == [["8/255"], 48, 1]
    assert found["backs"][0] != found["backs"][1]
