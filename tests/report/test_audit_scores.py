"""Audits on the score page: groups by images, paired differences, and what the page shows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatbelt_vae.cli import main
from seatbelt_vae.evaluation import paired_difference
from seatbelt_vae.report import write_comparison
from seatbelt_vae.report.audit_scores import AuditGroup, compare_audits
from seatbelt_vae.results import Store
from seatbelt_vae.runs import FORMAT, write_json, write_rows
from tests.auditing.example import content
from tests.auditing.stored_audit import IMAGE, PAIRS, rows_of, write_audited
from tests.report.page import Page
from tests.report.synthetic import write_demo


def audited(folder: Path, gaps: Any, **changes: Any) -> None:
    """A subject that was audited only, with gaps (9) of its pairs at ε = 0.2; 0 is left out."""
    named = {"name": folder.name, "kind": "reference", "source": "a.py:b", "digest": "0" * 16}
    sizes = {"event_shape": IMAGE, "latent_sizes": [2], "bounds": [0.0, 1.0]}
    write_json(
        folder / "subject.json", {"format": FORMAT, **named, **sizes, "data": {"name": "folder"}}
    )
    found = content()
    for result in found["results"]:
        if result["metric"] == "gap@0.2":
            result["value"] = float(np.mean(gaps[1:]))
    write_audited(folder / "audit", results=found["results"], **changes)
    for pair, gap in enumerate(gaps):
        rows = rows_of(pair)
        for row in rows:
            if (row["goal"], row["threat"], row["epsilon"]) == ("gap", "l2", 0.2):
                row["value"] = float(gap)
        write_rows(folder / "audit" / "worst" / f"pair-{pair:05d}.parquet", rows)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Any, Any]:
    """Two audits of the same images and their gaps: the first model is easier to fool."""
    noise = np.random.default_rng(0).normal(0, 0.02, (2, PAIRS))
    weak, hard = 0.4 + noise[0], 0.7 + noise[1]
    audited(tmp_path / "weak", weak)
    audited(tmp_path / "hard", hard)
    return tmp_path, weak, hard


def only_group(folder: Path, **options: Any) -> AuditGroup:
    (group,) = compare_audits(Store.open([folder]), **options)
    return group


def test_differences_are_paired_and_from_the_hardest_to_fool(two: Any) -> None:
    folder, weak, hard = two
    group = only_group(folder)
    assert (group.headline, group.reference) == ("gap@0.2", "hard")
    assert [score.run for score in group.scores] == ["hard", "weak"]
    first, second = group.scores
    assert first.difference is None
    # the reconstructions of pair 0 are not told apart
    assert second.difference == paired_difference(list(weak[1:]), list(hard[1:]))
    against = only_group(folder, against="weak")
    assert against.reference == "weak"
    assert against.scores[0].difference == paired_difference(list(hard[1:]), list(weak[1:]))


def test_audits_of_other_images_form_another_group(two: Any) -> None:
    folder, weak, _ = two
    audited(folder / "other", weak, data=content()["data"] | {"digest": "another"})
    groups = compare_audits(Store.open([folder]))
    assert sorted(len(group.scores) for group in groups) == [1, 2]
    (alone,) = (group for group in groups if len(group.scores) == 1)
    assert alone.reference is None
    assert alone.scores[0].difference is None


def test_different_efforts_are_said(two: Any) -> None:
    folder, weak, _ = two
    assert only_group(folder).caveats == []
    audited(folder / "more", weak, settings=content()["settings"] | {"effort": 2.0})
    (caveat,) = only_group(folder).caveats
    assert caveat == "Audited with different effort: default (hard, weak), 2 (more)."


def test_a_page_of_audits_alone_has_one_table(two: Any, capsys: pytest.CaptureFixture) -> None:
    folder, weak, hard = two
    out = folder / "compare.html"
    assert main(["compare", str(folder / "weak"), str(folder / "hard"), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"comparison: {out}\n"
    page = Page.of(out)
    assert page.root.one("h1").text == "How easily are these models fooled?"
    assert [section.attributes["id"] for section in page.root.find("section")] == [
        "audits",
        "queries",
    ]
    rows = list(page.root.one("section", id="audits").one("tbody").find("tr"))
    assert [row.one("th").text.split()[0] for row in rows] == ["hard", "weak"]
    headings = [heading.text for heading in page.root.one("thead").find("th")]
    place = headings.index("difference from hard") - 1
    cells = [list(row.find("td"))[place].text for row in rows]
    assert cells[0] == "reference"
    assert cells[1] == f"−{np.mean(hard[1:] - weak[1:]):.3f}"


def test_runs_without_audits_have_no_such_section(tmp_path: Path) -> None:
    write_demo(tmp_path, 1, ["vae"])
    page = Page.of(write_comparison(Store.open([tmp_path]), tmp_path / "compare.html"))
    assert "audits" not in [s.attributes["id"] for s in page.root.find("section")]
    assert compare_audits(Store.open([tmp_path])) == []
