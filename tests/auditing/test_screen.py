"""The audit on screen: the text of the example, and audits with fewer answers."""

from dataclasses import replace
from pathlib import Path

import pytest

from seatbelt_vae.auditing.screen import screen_text
from seatbelt_vae.runs.audit_answers import Lines
from seatbelt_vae.runs.audit_document import Audit, Files, ThreatBudgets
from tests.auditing.example import example

GOLDEN = Path(__file__).parent / "example_screen.txt"


def test_the_text_of_the_example() -> None:
    assert screen_text(example()) + "\n" == GOLDEN.read_text(encoding="utf-8")


def test_the_verdict_comes_first_and_no_line_is_wider_than_100() -> None:
    lines = screen_text(example()).splitlines()
    assert " ".join(lines[:2]) == example().verdict.sentence
    assert max(map(len, lines)) <= 100
    assert not any(line != line.rstrip() for line in lines)


def _bare(audit: Audit) -> Audit:
    """The audit of a vector model without options: no more than gaps."""
    return replace(
        audit,
        threats=audit.threats[:1],
        results=tuple(
            replace(result, low=None, high=None, lines=Lines())
            for result in audit.results
            if result.metric.startswith("gap@0.")
        ),
        weakest=(),
        universal=None,
        survival=(),
        classifier=None,
        score=None,
        placement=None,
        defence=None,
        flags=(),
        files=Files(),
    )


def test_answers_that_do_not_exist_are_left_out() -> None:
    assert screen_text(_bare(example())).splitlines()[2:] == [
        "L2 budget ε         0.05            0.1             0.2             0.3             0.5",
        "gap, 95 % interval  0.81            0.62            0.31            0.19            0.09",
    ]


def test_a_share_below_none_has_a_minus_sign() -> None:
    audit = example()
    metric = audit.survival[1].metric
    lower = [replace(r, value=-7.38) if r.metric == metric else r for r in audit.results]
    assert "resize ×2: −738 % ·" in screen_text(replace(audit, results=tuple(lower)))


def test_a_raised_check_leaves_no_table() -> None:
    audit = _bare(example())
    check = replace(audit.checks[0], raised=True, value=1.7)
    text = screen_text(replace(audit, results=(), checks=(check, *audit.checks[1:])))
    assert " ".join(text.split()).endswith(
        "check raised unexplained: the model reconstructs worse than the mean image (1.70): check "
        "bounds, logits, the order of mean and spread, and that the weights are loaded"
    )
    assert "budget" not in text


def test_an_audit_without_budgets_has_no_table() -> None:
    audit = replace(_bare(example()), threats=(), score=example().score)
    assert screen_text(audit).splitlines()[2:] == [
        "score               18 of 20 inputs cross 18.1, smallest distortion – on average"
    ]


def test_every_raised_flag_has_its_remedy() -> None:
    audit = example()
    raised = replace(audit, flags=tuple(replace(flag, raised=True) for flag in audit.flags))
    text = " ".join(screen_text(raised).split())
    assert "6 of 6 raised" in text
    for flag in audit.flags:
        assert f"{flag.severity} {flag.id} ({flag.detail}): {flag.do}" in text


@pytest.mark.parametrize("count", [1, 5, 6, 9, 20])
def test_at_most_five_budgets_with_the_smallest_and_the_largest(count: int) -> None:
    audit = _bare(example())
    budgets = tuple(f"{(i + 1) / 40:g}" for i in range(count))
    results = tuple(replace(audit.results[0], metric=f"gap@{budget}") for budget in budgets)
    threats = (ThreatBudgets("l2", "", budgets),)
    _, _, header, _ = screen_text(replace(audit, threats=threats, results=results)).splitlines()
    shown = header.split()[3:]
    assert len(shown) == len(set(shown)) == min(count, 5)
    assert (shown[0], shown[-1]) == (budgets[0], budgets[-1])
    assert len(header) <= 100


def test_l_infinity_alone_is_the_table() -> None:
    audit = replace(example(), threats=example().threats[1:])
    _, _, header, gaps, *_ = screen_text(audit).splitlines()
    assert header.split() == ["L∞", "budget", "ε", "2/255", "4/255", "8/255", "16/255"]
    assert gaps.startswith("gap, 95 % interval  0.90 0.89–0.92")
