"""The report of an audit: order, numbers equal to the stored ones, nothing fetched, inert text."""

import re
from pathlib import Path

import pytest

from seatbelt_vae.auditing.page import write_audit_report
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.report.tables import number
from seatbelt_vae.runs import write_json
from tests.auditing.example import content
from tests.auditing.stored_audit import IMAGE, PAIRS, section, value_of, write_audited
from tests.report.page import Element, Page

SECTIONS = [
    *("verdict", "judged", "curves", "weakest", "classes", "answers", "losses", "flags"),
    *("reproduce", "advice"),
]
HOSTILE = "<script>alert(1)<img src=x onerror=alert(2)>\"'&{{ 7 * 7 }}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_audited(tmp_path_factory.mktemp("audit"))


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page.of(write_audit_report(folder))


def table_after(element: Element, head: str) -> list[list[str]]:
    """The rows of the table whose first heading is ``head``."""
    for table in element.find("table"):
        rows = [[c.text for c in row.children] for row in table.find("tr")]
        if rows[0][0] == head:
            return rows[1:]
    raise AssertionError(f"no table with the heading {head}")


def test_the_sections_come_in_order_and_every_link_has_a_target(page: Page) -> None:
    assert [s.attributes["id"] for s in page.root.find("section")] == SECTIONS
    ids = re.findall(r' id="([^"]*)"', page.source)
    assert len(ids) == len(set(ids))
    targets = [a.attributes["href"][1:] for a in page.root.find("a")]
    assert set(targets) <= set(ids)
    assert [t for t in targets if t in SECTIONS][: len(SECTIONS)] == SECTIONS
    assert {e.attributes["for"] for e in page.root.find("label")} <= set(ids)
    regions = {e.attributes["aria-labelledby"] for e in page.root.find("div", role="group")}
    assert regions <= set(ids)


def test_nothing_is_fetched(page: Page) -> None:
    text = re.sub(r"data:image/png;base64,[\w+/=]*", "", page.source)
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", text)
    for tag in ("img", "link", "script"):
        for element in page.root.find(tag):
            source = element.attributes.get("src", element.attributes.get("href", "data:"))
            assert source.startswith("data:")
    policy = next(m for m in page.root.find("meta") if "http-equiv" in m.attributes)
    assert policy.attributes["content"].startswith("default-src 'none'; img-src data:;")


def test_the_page_depends_on_the_stored_files_only(folder: Path, page: Page) -> None:
    again = write_audit_report(folder)
    assert again == folder / "report.html"
    assert again.read_text(encoding="utf-8") == page.source


def test_colours_are_variables_of_both_themes(page: Page) -> None:
    used = set(re.findall(r"var\(--([\w-]+)", page.source))
    defined = set(re.findall(r"--([\w-]+): ?", page.source))
    assert used <= defined
    drawn = "".join(re.findall(r'<svg class="drawing.*?</svg>', page.source, re.DOTALL))
    assert "var(--m0)" in drawn
    assert not re.findall(r"#[0-9a-f]{6}\b", drawn)
    for colour in ("warn", "warn-back", "good", "bad", "m0"):
        assert re.search(rf"--{colour}: light-dark\(", page.source)


def test_the_verdict_comes_first_with_its_rules(page: Page) -> None:
    verdict = section(page, "verdict")
    assert verdict.one("p").text == content()["verdict"]["sentence"]
    assert verdict.one("span", class_="badge").text == "Fail"
    assert "fail" in verdict.one("span", class_="badge").attributes["class"].split()
    assert verdict.one("small").text == "exit code 1"
    assert table_after(verdict, "rule") == [
        ["gap@0.2 < 0.5", "0.309 ▲1", "▲ true: fails"],
        ["damage@8/255 > 2", "1.66", "✓ false"],
    ]


def test_the_judged_model_is_described(page: Page) -> None:
    judged, target = section(page, "judged"), content()["target"]
    facts = {d.one("dt").text: d.one("dd").text for d in judged.find("div") if d.children[1:]}
    assert facts["source"] == target["source"]
    assert facts["parameters"] == " ".join(number(target["parameters"]).split())
    assert facts["input"] == "3 × 6 × 4"
    assert {name: facts[name] for name in ("code", "output", "forward")} == {
        name: target["assumptions"][name] for name in ("code", "output", "forward")
    }
    rows = table_after(judged, "check")
    assert [row[0] for row in rows] == [check["id"] for check in content()["checks"]]
    assert rows[0][1:4] == ["0.210", "1.00", "✓ fine"]


def test_the_tables_show_every_number_with_interval_direction_and_doubts(page: Page) -> None:
    results = {result["metric"]: result for result in content()["results"]}
    table = table_after(section(page, "curves"), "metric")
    rows = {row[0].split(" ")[0]: row for row in table}
    for name, arrow in (("gap", "↑ ▲1"), ("damage", "↓"), ("psnr_output", "↑ ▲1")):
        head, *cells = rows[name]
        assert head.startswith((f"{name} {arrow} ‖", f"{name} {arrow} PSNR"))
        for cell, budget in zip(cells, ("0.05", "0.1", "0.2", "0.3", "0.5"), strict=True):
            found = results[f"{name}@{budget}"]
            ends = f"{number(found['low'])} … {number(found['high'])}"
            assert cell == f"{number(found['value'])} {ends}"
    lines = [results["gap@0.2"]["lines"][name] for name in ("identity", "blend", "ppca")]
    assert [row[3] for row in table[1:4]] == [number(value) for value in lines]
    assert rows["psnr_input"][0].endswith("dB")


def test_charts_have_the_mean_all_lines_and_single_pairs(page: Page) -> None:
    figures = list(section(page, "curves").find("figure"))
    assert [f.one("h3").text for f in figures] == [
        *("Reconstruction gap ↑, L2", "Reconstruction gap ↑, L∞"),
        *("Code gap ↑, L2", "Code gap ↑, L∞", "Damage ↓, L2", "Damage ↓, L∞"),
    ]
    titles = [[title.text for title in figure.find("title")] for figure in figures]
    for line in ("copy of the input", "blend of the two inputs", "pPCA"):
        assert line in titles[0]
    assert "reconstruction gap, mean over pairs: 0.309 at 0.2" in titles[0]
    # pair 0 is not told apart: it has a damage, but no gap
    assert sum(title.startswith("one pair") for title in titles[0]) == 5 * (PAIRS - 1)
    assert sum(title.startswith("one pair") for title in titles[5]) == 4 * PAIRS
    assert f"one pair at 0.2: {number(value_of(3, 'gap', 0.2))}" in titles[0]
    assert f"one pair at 8: {number(value_of(3, 'gap', 8 / 255))}" in titles[1]


def test_other_answers_are_those_of_the_document(page: Page) -> None:
    answers = section(page, "answers")
    assert table_after(answers, "adversarial input after")[0][0] == "JPEG, quality 75 ▲1"
    assert len(list(answers.find("img"))) == 2
    found = next(r for r in content()["results"] if r["metric"] == "universal_damage@0.2")
    numbers = [found["value"], found["lines"]["blend"], found["lines"]["identity"]]
    (row,) = table_after(answers, "metric")
    assert [cell.split(" ")[0] for cell in row[1:4]] == [number(value) for value in numbers]
    text = answers.text
    assert "accuracy@0.2" in text
    assert "18 of 20 inputs cross the threshold 18.1" in text
    assert "z = −1.36 among 4 models" in text
    assert table_after(section(page, "classes"), "class")[0] == ["beach", "6", "0.241 ▲1"]


def test_losses_are_counted_over_the_budgets_of_a_goal(page: Page) -> None:
    rows = table_after(section(page, "losses"), "loss")
    counts: dict[str, int] = {}
    for result in content()["results"]:
        if result["goal"] == "gap":
            for loss, count in (result["won_by"] or {}).items():
                counts[loss] = counts.get(loss, 0) + count
    assert {row[0]: row[1] for row in rows if row[1] != "–"} == {
        loss: str(count) for loss, count in counts.items()
    }


def test_flags_are_listed_and_explained(page: Page) -> None:
    flags = section(page, "flags")
    alert = flags.one("div", class_="alert")
    assert alert.text.startswith("▲1 Pairs not told apart (1 of 20 pairs): a warning.")
    rows = table_after(flags, "flag")
    assert [row[0] for row in rows] == [flag["id"] for flag in content()["flags"]]
    assert sum(row[1].startswith("▲") for row in rows) == 1


def test_a_raised_flag_is_beside_the_numbers_that_it_doubts(tmp_path: Path) -> None:
    names = ("damage not converged", "gap not converged", "a new flag")
    flags = [content()["flags"][0] | {"id": name, "raised": True} for name in names]
    page = Page.of(write_audit_report(write_audited(tmp_path, flags=flags)))
    rows = {row[0].split(" ")[0]: row[0] for row in table_after(section(page, "curves"), "metric")}
    marks = {name: re.findall(r"▲\d", rows[name]) for name in ("gap", "code_gap", "damage")}
    assert marks == {"gap": ["▲2", "▲3"], "code_gap": ["▲3"], "damage": ["▲1", "▲3"]}
    assert re.findall(r"▲\d", rows["code_shift"]) == ["▲2", "▲3"]


def test_an_audit_without_an_attack_says_what_is_doubted_and_what_to_do(tmp_path: Path) -> None:
    found = content()
    found["checks"][0] |= {"raised": True, "value": 1.5}
    found |= {"results": [], "weakest": [], "classes": [], "universal": None, "survival": []}
    found |= {"classifier": None, "score": None, "placement": None, "flags": []}
    found["verdict"] = {
        "status": "inconclusive",
        "finding": None,
        "sentence": "Inconclusive: …",
        "rules": [],
    }
    found["files"] = {"rows": None, "winners": None, "report": "report.html"}
    write_json(tmp_path / "audit.json", found)
    page = Page.of(write_audit_report(tmp_path))
    shown = [s.attributes["id"] for s in page.root.find("section")]
    assert shown == ["verdict", "judged", "flags", "reproduce", "advice"]
    check = found["checks"][0]
    alert = section(page, "verdict").one("div", class_="alert").text
    assert check["problem"] in alert
    assert check["do"] in alert
    assert "exit code 2" in section(page, "verdict").text
    advice = section(page, "advice")
    assert check["do"] in advice.text.lower()
    assert advice.one("pre").text.endswith("--check-only")


def test_only_the_document_is_needed(tmp_path: Path) -> None:
    write_json(tmp_path / "audit.json", content())
    page = Page.of(write_audit_report(tmp_path))
    assert [s.attributes["id"] for s in page.root.find("section")] == SECTIONS
    assert "No images of attacked pairs are stored" in section(page, "weakest").text


def test_hostile_text_is_inert(tmp_path: Path) -> None:
    found = content()
    found["target"] |= {"name": HOSTILE, "source": HOSTILE, "assumptions": {HOSTILE: HOSTILE}}
    found["target"] |= {"event_shape": IMAGE}
    found["verdict"]["sentence"] = found["data"]["name"] = found["command"] = HOSTILE
    found["flags"][0] |= {"raised": True, "id": HOSTILE, "detail": HOSTILE, "do": HOSTILE}
    found["classes"][0]["label"] = HOSTILE
    keys = ("target", "verdict", "data", "command", "flags", "classes")
    page = Page.of(write_audit_report(write_audited(tmp_path, **{k: found[k] for k in keys})))
    assert len(list(page.root.find("script"))) == 1
    assert not [i for i in page.root.find("img") if "onerror" in i.attributes]
    assert page.root.one("h1").text == f"Can {HOSTILE} be fooled?"
    assert "49" not in section(page, "judged").text.replace("1 183 749", "")


def test_a_missing_or_damaged_document_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"audit\.json is missing"):
        write_audit_report(tmp_path)
