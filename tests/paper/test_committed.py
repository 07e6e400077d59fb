"""The results in docs/reproduction: their rows give the answers in the page and the text."""

import json
import re
from pathlib import Path

import pytest

from seatbelt_vae.paper.claims import VERDICTS, answer_all
from seatbelt_vae.results import Store

DOCS = Path(__file__).parents[2] / "docs"
SMALL = DOCS / "reproduction" / "small"


@pytest.fixture(scope="module")
def answers():
    return {answer.claim.id: answer for answer in answer_all(Store.open([SMALL / "rows"]))}


def test_the_committed_rows_give_the_committed_answers(answers):
    stated = {claim["claim"]: claim for claim in json.loads((SMALL / "claims.json").read_text())}
    assert list(stated) == list(answers)
    for name, answer in answers.items():
        assert stated[name]["verdict"] == answer.verdict
        found = [f.estimate.value for of in answer.effects.values() for f in of]
        written = [contrast["value"] for contrast in stated[name]["contrasts"]]
        assert found == pytest.approx(written)


def test_the_text_states_the_answers(answers):
    text = (DOCS / "reproduction.md").read_text()
    table = dict(re.findall(r"^\| (C\d+) [^|]*(?:\\\|[^|]*)*\| ([a-z ]+) \|", text, re.MULTILINE))
    assert table == {name: answer.verdict for name, answer in answers.items()}


def test_the_text_explains_every_answer():
    text = (DOCS / "reproduction.md").read_text()
    rule = text.split("## How a claim is answered")[1]
    assert tuple(re.findall(r"^\| ([a-z ]+) \| (?!if)", rule, re.MULTILINE)) == VERDICTS


def test_figures_the_text_shows_are_there():
    text = (DOCS / "reproduction.md").read_text()
    shown = re.findall(r"\]\((reproduction/[^)]+)\)", text)
    assert len(shown) == 3
    assert all((DOCS / path).is_file() for path in shown)
