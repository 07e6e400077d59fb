"""Rules: their grammar, the metrics that exist, and true, false or unknown."""

import math
from itertools import product

import pytest

from seatbelt_vae.auditing.metrics import METRICS, NEEDS, metrics_by_name
from seatbelt_vae.auditing.rules import Rule, read_rules
from seatbelt_vae.auditing.threat_budgets import threats_of
from seatbelt_vae.config import AuditConfig
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.runs.audit_answers import Result
from tests.auditing.example import example

METRICS_BY_NAME = metrics_by_name(threats_of(AuditConfig(), (3, 8, 8)))


def result(value: float | None, metric: str = "gap@0.2", better: str = "higher") -> Result:
    """A result with one value."""
    return Result(metric, "gap", "l2", 0.2, value, None, None, "", better, 20)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("gap@0.2 < 0.5", Rule("gap@0.2", "<", 0.5)),
        ("gap@0.2<0.5", Rule("gap@0.2", "<", 0.5)),
        ("  gap@.20   <=  .5 ", Rule("gap@0.2", "<=", 0.5)),
        ("gap@8/255>1e-1", Rule("gap@8/255", ">", 0.1)),
        ("gap@8/255>=1.", Rule("gap@8/255", ">=", 1.0)),
        ("Code_Gap@0.3 < -2", Rule("code_gap@0.3", "<", -2.0)),
        ("score_distance < 0.05", Rule("score_distance", "<", 0.05)),
    ],
)
def test_a_rule_is_parsed(text: str, rule: Rule) -> None:
    assert Rule.parse(text) == rule
    assert Rule.parse(str(rule)) == rule


@pytest.mark.parametrize(
    "text",
    [
        *("", "gap@0.2", "gap@0.2 <", "< 0.5", "0.5 > gap@0.2", "gap@0.2 = 0.5"),
        *("gap@0.2 == 0.5", "gap@0.2 != 0.5", "gap@0.2 < 0.5 and damage@0.2 > 1"),
        *("gap@0.2 < nan", "gap@0.2 < inf", "gap@0.2 < 50%", "gap@ < 0.5", "gap@0.2 < 0.5.1"),
        *("gap @0.2 < 0.5", "gap@0.2 << 0.5", "gap@0.2 =< 0.5", "gap@0.2\n< 0.5 x"),
    ],
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no rule: expected METRIC, one of < <= > >=") as error:
        Rule.parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("comparison", ["<", "<=", ">", ">="])
@pytest.mark.parametrize("value", [0.4, 0.5, 0.6])
def test_a_rule_compares_as_python_does(comparison: str, value: float) -> None:
    outcome = Rule("gap@0.2", comparison, 0.5).outcome(result(value))
    assert outcome.holds is eval(f"{value} {comparison} 0.5")
    assert (outcome.rule, outcome.value) == (f"gap@0.2 {comparison} 0.5", value)


@pytest.mark.parametrize("missing", [None, result(None), result(math.nan)])
def test_a_rule_without_a_value_is_neither_true_nor_false(missing: Result | None) -> None:
    outcome = Rule("gap@0.2", "<", 0.5).outcome(missing)
    assert (outcome.holds, outcome.value) == (None, None)


@pytest.mark.parametrize(
    ("comparison", "better"), list(product(["<", "<=", ">", ">="], ["higher", "lower", ""]))
)
def test_a_stronger_attack_keeps_a_rule_about_the_worse_direction_true(
    comparison: str, better: str
) -> None:
    rule = Rule("gap@0.2", comparison, 0.5)
    before = {"<": 0.4, "<=": 0.5, ">": 0.6, ">=": 0.5}[comparison]
    moves = {"higher": [-0.2], "lower": [0.2], "": [-0.2, 0.2]}[better]
    still = all(rule.outcome(result(before + move)).holds for move in moves)
    assert rule.outcome(result(before)).holds
    assert rule.stays_true(result(before, better=better)) is still


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("gap@0.25 < 0.5", "gap@0.5"),
        ("gap < 0.5", "gap@0.5"),
        ("gab@0.2 < 0.5", "gap@0.2"),
        ("gap@8 < 0.5", "gap@8/255"),
        ("codegap@0.2 < 0.5", "code_gap@0.2"),
        ("universal_damage@0.5 > 1", "universal_damage@0.2"),
    ],
)
def test_an_unknown_metric_is_an_error_with_a_guess(text: str, guess: str) -> None:
    with pytest.raises(ConfigError, match=f"perhaps you meant '{guess}'") as error:
        read_rules([text], METRICS_BY_NAME, NEEDS)
    listed = "gap is measured at 0.05, 0.1" if text.startswith("gap") else "gap, code_gap, damage"
    assert listed in str(error.value) or text.startswith("universal")
    assert len(str(error.value)) < 350


def test_only_metrics_that_will_be_measured_are_suggested() -> None:
    with pytest.raises(ConfigError) as error:
        read_rules(["token_change@0.2 > 0.5"], METRICS_BY_NAME, ["codes", "images"])
    assert "code_gap, damage" in str(error.value)
    assert "tokens_changed" not in str(error.value)


@pytest.mark.parametrize("metric", [name for name, found in METRICS_BY_NAME.items() if found.needs])
def test_a_metric_that_the_model_cannot_have_is_an_error(metric: str) -> None:
    (need,) = METRICS_BY_NAME[metric].needs
    others = [name for name in NEEDS if name != need]
    with pytest.raises(ConfigError, match=f"can never be true, since {NEEDS[need]}"):
        read_rules([f"{metric} < 0.5"], METRICS_BY_NAME, others)
    assert read_rules([f"{metric} < 0.5"], METRICS_BY_NAME, [need])[0].metric == metric


def test_the_names_follow_the_budgets() -> None:
    names = metrics_by_name({"l2": (0.1, 0.25)})
    assert {"gap@0.1", "gap@0.25", "damage@0.25", "universal_damage@0.25"} <= set(names)
    assert not any("255" in name or name.endswith("@0.2") for name in names)
    assert "survival_jpeg@4/255" in metrics_by_name({"linf": (2 / 255, 4 / 255, 8 / 255)})


def test_the_example_has_the_declared_metrics_and_no_others() -> None:
    assert all(need in NEEDS for metric in METRICS for need in metric.needs)
    declared = [name for name, found in METRICS_BY_NAME.items() if "tokens" not in found.needs]
    shown = {result.metric: result for result in example().results}
    without_example = ("0.05", "0.1", "0.3", "0.5", "2/255", "4/255", "8/255", "16/255")
    missing = {"universal_damage@8/255", *(f"accuracy@{s}" for s in without_example)}
    assert set(declared) - set(shown) == missing
    assert set(shown) <= set(declared)
    for name, found in shown.items():
        assert (found.better, found.unit) == (
            METRICS_BY_NAME[name].better,
            METRICS_BY_NAME[name].unit,
        )
