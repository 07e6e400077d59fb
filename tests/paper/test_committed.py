"""The results in docs/reproduction: their rows give the answers in the page and the text."""

import json
import re
import runpy
from pathlib import Path

import pytest

from seatbelt_vae.paper import DEFENCES
from seatbelt_vae.paper.claims import VERDICTS, answer_all
from seatbelt_vae.paper.front import kinds_of
from seatbelt_vae.results import Store

DOCS = Path(__file__).parents[2] / "docs"
FRONTIER = DOCS / "reproduction" / "defences"
COLUMNS = ("public", "small", "medium")
"""The folders of answers, in the order of the table in the text."""


@pytest.fixture(scope="module")
def answers():
    """The answers to each claim by folder."""
    return {
        name: {
            a.claim.id: a for a in answer_all(Store.open([DOCS / "reproduction" / name / "rows"]))
        }
        for name in COLUMNS
    }


@pytest.mark.parametrize("column", COLUMNS)
def test_the_committed_rows_give_the_committed_answers(answers, column):
    written = json.loads((DOCS / "reproduction" / column / "claims.json").read_text())
    stated = {claim["claim"]: claim for claim in written}
    assert list(stated) == list(answers[column])
    for name, answer in answers[column].items():
        assert stated[name]["verdict"] == answer.verdict
        found = [f.estimate.value for of in answer.effects.values() for f in of]
        written = [contrast["value"] for contrast in stated[name]["contrasts"]]
        assert found == pytest.approx(written)


def test_the_text_states_the_answers(answers):
    text = (DOCS / "reproduction.md").read_text()
    rows = re.findall(r"^\| (C\d+) .* \| (.+) \| (.+) \| (.+) \|$", text, re.MULTILINE)
    known = [answers[column] for column in COLUMNS]
    assert rows == [
        (name, *(of[name].verdict if name in of else "–" for of in known)) for name in known[1]
    ]


def test_the_text_explains_every_answer():
    text = (DOCS / "reproduction.md").read_text()
    rule = text.split("## How a claim is answered")[1]
    assert tuple(re.findall(r"^\| ([a-z ]+) \| (?!if)", rule, re.MULTILINE)) == VERDICTS


def test_queries_print_the_outputs_below_them():
    page = (DOCS / "reproduction_numbers.md").read_text(encoding="utf-8")
    with_outputs = runpy.run_path(str(DOCS / "query_outputs.py"))["with_outputs"]
    assert with_outputs(page) == page, "run python docs/query_outputs.py"


def test_figures_the_text_shows_are_there():
    text = (DOCS / "reproduction.md").read_text()
    shown = re.findall(r"\]\((reproduction/[^)]+)\)", text)
    assert len(shown) == 8
    assert all((DOCS / path).is_file() for path in shown)


def test_the_table_of_defences_states_the_committed_rows():
    figure = DEFENCES.figures[0]
    rows = Store.open([FRONTIER / "rows"]).query(figure.query(DEFENCES.id)).to_pylist()
    kinds = {(kind.panel, kind.series): kind for kind in kinds_of(rows)}
    text = (DOCS / "defences.md").read_text().split("### Results at size `small`")[1]
    head, *lines = re.findall(r"^\| (.+) \|$", text.split("\n\n* ")[0], re.MULTILINE)
    panels = re.findall(r"(\w+): ELBO", head)
    every = {series for _, series in kinds}
    whole = {p for p, _ in kinds if all((p, series) in kinds for series in every)}
    assert {panel.casefold() for panel in panels} == whole
    stated = {cells[0]: cells[1:] for cells in (line.split(" | ") for line in lines)}
    shown = {series for _, series in kinds if not series.startswith("pPCA")}
    assert shown <= stated.keys() <= every
    for series, cells in stated.items():
        found = [kinds[panel.casefold(), series] for panel in panels]
        assert cells == [number for kind in found for number in _numbers(kind)]


def _numbers(kind):
    """ELBO, unexplained variance, and the gap at 0.2 with its interval."""
    return [
        f"{kind.cost['elbo'].value:.1f}".replace("-", "−"),
        f"{kind.cost['unexplained_variance'].value:.3f}".removeprefix("0"),
        _gap(vars(kind.gap[0.2])),
    ]


def _gap(ends):
    """The mean with its interval; a dash if no pair is told apart."""
    if ends["value"] is None:
        return "–"
    gap, low, high = (f"{ends[name]:.3f}".removeprefix("0") for name in ("value", "low", "high"))
    return f"{gap} ({low} … {high})"
