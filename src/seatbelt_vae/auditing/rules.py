"""Rules such as ``gap@0.2 < 0.5``: an audit fails if one of them is true."""

import math
import operator
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from seatbelt_vae.auditing.metrics import NEEDS, Metric
from seatbelt_vae.config.checks import closest
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.runs.audit_answers import Result
from seatbelt_vae.runs.audit_document import RuleOutcome

__all__ = ["Rule", "read_rules"]

_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_RULE = re.compile(rf"\s*([a-z_]+)(?:@(\S+?))?\s*(<=|>=|<|>)\s*({_NUMBER})\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Rule:
    """A comparison of a metric with a number.

    Args:
        metric: the name of a result, such as ``gap@0.2`` or ``gap@8/255``.
        comparison: ``<``, ``<=``, ``>`` or ``>=``.
        limit: the number.
    """

    metric: str
    comparison: str
    limit: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """The rule in a text; spaces are optional.

        Raises:
            ConfigError: the text is no rule.

        Example:
            >>> Rule.parse("gap@.20<0.5")
            Rule(metric='gap@0.2', comparison='<', limit=0.5)
        """
        found = _RULE.fullmatch(text)
        if found is None:
            raise ConfigError(
                f"{text!r} is no rule: expected METRIC, one of {' '.join(_COMPARE)}, and a number, "
                f'such as "gap@0.2 < 0.5"'
            )
        name, budget, comparison, limit = found.groups()
        metric = name.lower() if budget is None else f"{name.lower()}@{_shortest(budget)}"
        return cls(metric, comparison, float(limit))

    def __str__(self) -> str:
        return f"{self.metric} {self.comparison} {self.limit:.12g}"

    def outcome(self, result: Result | None) -> RuleOutcome:
        """Whether the rule is true of a result; None without a value."""
        value = None if result is None else result.value
        if value is None or math.isnan(value):
            return RuleOutcome(str(self), self.metric, None, self.limit, None)
        holds = _COMPARE[self.comparison](value, self.limit)
        return RuleOutcome(str(self), self.metric, value, self.limit, holds)

    def stays_true(self, result: Result) -> bool:
        """Whether a rule that is true stays true if a stronger attack is found.

        A stronger attack only moves a metric in the direction that is worse for the owner.
        """
        return result.better == ("higher" if self.comparison in ("<", "<=") else "lower")


def read_rules(
    texts: Sequence[str], metrics: Mapping[str, Metric], offered: Collection[str]
) -> tuple[Rule, ...]:
    """Rules, each about a metric that the audit will measure.

    A metric that the model cannot have is an error and not a rule to skip: a rule that can never
    be true protects nothing.

    Args:
        texts: one rule each.
        metrics: the metrics at the budgets of the audit, see `metrics_by_name`.
        offered: the keys of `NEEDS` that the model and the options of the audit meet.

    Raises:
        ConfigError: a text is no rule, or the audit will not measure its metric.
    """
    rules = tuple(map(Rule.parse, texts))
    for rule in rules:
        metric = metrics.get(rule.metric)
        if metric is None:
            known = [name for name, found in metrics.items() if {*found.needs} <= {*offered}]
            raise ConfigError(f"unknown metric {rule.metric!r}: {_advice(rule.metric, known)}")
        lacking = [NEEDS[need] for need in metric.needs if need not in offered]
        if lacking:
            raise ConfigError(
                f"the rule {rule} can never be true, since {lacking[0]}: leave out the rule"
            )
    return rules


def _advice(metric: str, known: Sequence[str]) -> str:
    """The closest metric, then the budgets of this metric, or the names of all metrics."""
    budgets: dict[str, list[str]] = {}
    for name, _, budget in (found.partition("@") for found in known):
        budgets.setdefault(name, []).append(budget)
    name = metric.partition("@")[0]
    if any(budgets.get(name, ())):
        return f"{closest(metric, known)}{name} is measured at {', '.join(budgets[name])}"
    return f"{closest(metric, known)}known, at a budget such as {known[0]}: {', '.join(budgets)}"


def _shortest(budget: str) -> str:
    """A budget as in the names of metrics: ``.20`` is ``0.2``; a fraction is kept."""
    return f"{float(budget):g}" if re.fullmatch(_NUMBER, budget) else budget
