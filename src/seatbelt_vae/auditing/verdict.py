"""The verdict of an audit: its status, how far the model is fooled, and both in a sentence.

========================================================  ============
case, the first that applies                              status
========================================================  ============
a check of the adapter is raised                          inconclusive
a flag of `INVALIDATING` is raised                        inconclusive
a rule is true, and no flag withholds the verdict         fail
a rule is true, and a stronger attack keeps it true       fail
a flag withholds the verdict, or a rule has no value      inconclusive
otherwise                                                 pass
========================================================  ============

An attack gives an upper bound of the smallest gap. So a true ``gap@0.2 < 0.5`` proves failure even
if the attack did not converge.
"""

from collections.abc import Sequence

from seatbelt_vae.auditing.rules import Rule
from seatbelt_vae.evaluation.fooled import finding_of
from seatbelt_vae.runs.audit_answers import Result
from seatbelt_vae.runs.audit_document import AuditFlag, Check, RuleOutcome, Status, Verdict

__all__ = ["HEADLINE", "INVALIDATING", "verdict_of"]

HEADLINE = "gap@0.2"

INVALIDATING = frozenset({"encoder not repeatable", "model in training mode", "outside the bounds"})
"""Flags that doubt the adversarial images themselves; with one of them no value is a bound."""


def verdict_of(
    results: Sequence[Result],
    checks: Sequence[Check],
    flags: Sequence[AuditFlag],
    rules: Sequence[Rule] = (),
) -> Verdict:
    """The verdict on the results of an audit; the cases are in the docstring of this module."""
    by_name = {result.metric: result for result in results}
    outcomes = tuple(rule.outcome(by_name.get(rule.metric)) for rule in rules)
    misread = [check for check in checks if check.raised]
    raised = [flag for flag in flags if flag.raised]
    invalid = [flag for flag in raised if flag.id in INVALIDATING]
    withholding = [flag for flag in raised if flag.severity == "inconclusive"]
    proven = [
        outcome
        for rule, outcome in zip(rules, outcomes, strict=True)
        if outcome.holds and (not withholding or rule.stays_true(by_name[rule.metric]))
    ]
    headline = by_name.get(HEADLINE)
    gap = headline.value if headline and not misread and not invalid else None
    finding = None if gap is None else finding_of(gap)
    if withholding and finding != "fooled":
        finding = None  # a stronger attack may change it
    status: Status = "pass"
    if misread or invalid:
        status, reason = "inconclusive", _doubts(misread, invalid)
    elif proven:
        status, reason = "fail", _failure(proven, len(rules), withholding)
    elif withholding:
        status, reason = "inconclusive", _doubts([], withholding)
    elif any(outcome.holds is None for outcome in outcomes):
        status, reason = "inconclusive", _undecided(outcomes)
    else:
        reason = _passed(outcomes)
    sentence = " ".join(filter(None, [reason, _distance(gap, finding)]))
    return Verdict(status, finding, sentence or "Pass: no rule was given.", outcomes)


def _failure(proven: Sequence[RuleOutcome], rules: int, withholding: Sequence[AuditFlag]) -> str:
    listed = ", ".join(f"{outcome.rule} ({outcome.value:.3g})" for outcome in proven)
    if rules == 1:
        sentence = f"Fail: the rule {listed} is true."
    else:
        count = f"{len(proven)} of {rules} rules {'is' if len(proven) == 1 else 'are'}"
        sentence = f"Fail: {count} true, {listed}."
    if withholding:
        sentence += f" A stronger attack, which may exist ({_ids(withholding)}), cannot undo that."
    return sentence


def _doubts(misread: Sequence[Check], flags: Sequence[AuditFlag]) -> str:
    if misread:
        first = misread[0]
        return (
            f"Inconclusive: the model may not be read as it was meant, since {first.problem} "
            f"(check {_ids(misread)}): {first.do}."
        )
    first_flag = flags[0]
    return (
        f"Inconclusive: the numbers cannot be relied on, since a flag is raised "
        f"({_ids(flags)}): {first_flag.do}."
    )


def _undecided(outcomes: Sequence[RuleOutcome]) -> str:
    unknown = next(outcome for outcome in outcomes if outcome.holds is None)
    return f"Inconclusive: {unknown.metric} has no value, so {unknown.rule} is undecided."


def _passed(outcomes: Sequence[RuleOutcome]) -> str:
    match outcomes:
        case ():
            return ""
        case (only,):
            return f"Pass: the rule {only.rule} ({only.value:.3g}) is false."
    return f"Pass: none of the {len(outcomes)} rules is true."


def _ids(raised: Sequence[Check] | Sequence[AuditFlag]) -> str:
    return ", ".join(item.id for item in raised)


def _distance(gap: float | None, finding: str | None) -> str:
    """The headline in words; without a finding it is only the best attack that was found."""
    if gap is None:
        return ""
    moved = f"{100 * (1 - gap):.0f} %".replace("-", "−")
    verb = "moves" if finding else "was found that moves"
    distortion = (
        f"a distortion 20 % as large as the difference between input and target {verb} the "
        f"reconstruction {moved} of the way to the target."
    )
    return f"The model is {finding}: {distortion}" if finding else distortion.capitalize()
