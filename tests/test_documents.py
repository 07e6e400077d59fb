"""What README and docs link to is there."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_within_the_project_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    missing = [
        target
        for target in targets
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert missing == []


def printed_by_the_attack_example(rows: list[dict[str, float]]) -> str:
    """The line that the example "In Python" prints for rows of an attack."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    example = text.split("## In Python")[1].split("```")[1]
    printed: list[str] = []
    names = {"result": SimpleNamespace(rows=lambda _: rows), "print": printed.append}
    exec(example[example.index("rows =") :], names)
    return printed[0]


def attack_row(level: float, distance: float, left: float) -> dict[str, float]:
    return {
        "level": level,
        "distance": distance,
        "distance_relative": distance / 10,
        "divergence_ratio": left,
    }


def test_the_attack_example_shows_the_heaviest_weight_that_moved_the_input() -> None:
    rows = [attack_row(1, 5, 0.1), attack_row(2, 3, 0.26), attack_row(3, 0, 1.0)]
    expected = "26% of the divergence left, at 30% of the images' distance"
    assert printed_by_the_attack_example(rows) == expected


def test_the_attack_example_runs_if_no_weight_moved_the_input() -> None:
    rows = [attack_row(level, 0, 1.0) for level in (1, 2)]
    expected = "100% of the divergence left, at 0% of the images' distance"
    assert printed_by_the_attack_example(rows) == expected
