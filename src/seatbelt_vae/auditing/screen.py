"""An audit as plain text: the verdict, then one line per answer."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from seatbelt_vae.auditing.verdict import HEADLINE
from seatbelt_vae.runs.audit_answers import Defence, Placement, Result
from seatbelt_vae.runs.audit_document import Audit

__all__ = ["screen_text"]

_WIDTH = 100
_LABEL = 20
_COLUMNS = 5
_CELL = (_WIDTH - _LABEL) // _COLUMNS
_THREATS = {"l2": "L2", "linf": "L∞", "sd": "L∞"}
_UNKNOWN = "–"


def screen_text(audit: Audit) -> str:
    """The verdict and the main numbers of an audit, in lines of at most 100 characters.

    A table has one column per budget of the first threat, at most five. Answers that the audit does
    not have are left out.
    """
    lines = wrap(audit.verdict.sentence, _WIDTH)
    if audit.threats and audit.results:
        lines += _table(audit)
    for label, text in _answers(audit):
        indent = " " * _LABEL
        lines += wrap(f"{label:<{_LABEL}}{text}", _WIDTH, subsequent_indent=indent)
    return "\n".join(lines)


def _table(audit: Audit) -> list[str]:
    """Gap, its reference lines, code gap and damage per budget; gaps of the other threats."""
    first, *others = audit.threats
    budgets = _shown(first.budgets)
    gaps, code_gaps, damages = (
        [audit.result(f"{name}@{budget}") for budget in budgets]
        for name in ("gap", "code_gap", "damage")
    )
    rows = [
        (f"{_THREATS[first.name]} budget ε", list(budgets)),
        ("gap, 95 % interval", [_with_interval(found) for found in gaps]),
        ("identity/blend/pPCA", [_lines(found) for found in gaps]),
        ("certified gap", [_number(found.lines.certified if found else None) for found in gaps]),
        ("code gap", [_value(found) for found in code_gaps]),
        ("damage", [_value(found) for found in damages]),
    ]
    for threat in others:
        cells = [f"{_value(audit.result(f'gap@{b}'))} at {b}" for b in _shown(threat.budgets)]
        rows.append((f"gap, {_THREATS[threat.name]} budget", cells))
    return [
        (f"{label:<{_LABEL}}" + "".join(f"{cell:<{_CELL}}" for cell in cells)).rstrip()
        for label, cells in rows
        if any(cell.strip(f"{_UNKNOWN} ") for cell in cells)
    ]


def _answers(audit: Audit) -> Iterator[tuple[str, str]]:
    """Label and text of every other line."""
    if audit.weakest:
        weak = audit.weakest[0]
        label = f" ({weak.label})" if weak.label else ""
        first, second = weak.shown
        yield "weakest input", f"{first}{label} towards {second}: gap {_number(weak.value)}"
    if (universal := audit.universal) is not None:
        damage = _value(audit.result(universal.metric))
        yield "universal", f"one distortion, damage {damage} on {universal.tested_on} other images"
    if audit.survival:
        shares = (f"{s.transformation}: {_share(audit.result(s.metric))}" for s in audit.survival)
        yield "survives", " · ".join(shares)
    if (classifier := audit.classifier) is not None:
        attacked = " · ".join(_share(audit.result(metric)) for metric in classifier.metrics)
        clean = "against the predictions without one"
        if classifier.clean_accuracy is not None:
            clean = f"{_percent(classifier.clean_accuracy)} without an attack"
        yield "classifier", f"accuracy {attacked} under attack, {clean}"
    if (score := audit.score) is not None:
        distance = _value(audit.result("score_distance"))
        crossed = f"{score.crossed} of {score.images} inputs cross {score.threshold:g}"
        yield "score", f"{crossed}, smallest distortion {distance} on average"
    if audit.defence is not None:
        yield "defence", _defence(audit.defence)
    if audit.placement is not None:
        yield "placement", _placed(audit.placement)
    for check in audit.checks:
        if check.raised:
            yield (
                "check raised",
                f"{check.id}: {check.problem} ({_number(check.value)}): {check.do}",
            )
    raised = [flag for flag in audit.flags if flag.raised]
    if audit.flags:
        yield "flags", f"{len(raised) or 'none'} of {len(audit.flags)} raised"
    for flag in raised:
        yield f"  {flag.severity}", f"{flag.id} ({flag.detail}): {flag.do}"
    files = [name for name in vars(audit.files).values() if name is not None]
    if files:
        yield "files", " · ".join(["audit.json", *files])


def _defence(defence: Defence) -> str:
    """The headline gap with and without the defence, the clean error and the cost."""
    parts = [f"{defence.name} is {defence.verdict}"]
    for each in defence.gaps:
        if each.metric == HEADLINE:
            fresh = "" if each.fresh is None else f", {_number(each.fresh)} under fresh noise"
            plain = f"{_number(each.undefended)} without it"
            parts.append(f"{each.metric} {_number(each.value)}{fresh}, {plain}")
    if defence.error_change is not None:
        change = _signed(f"{100 * defence.error_change:+.0f} %")
        parts.append(f"clean error {change}")
    if defence.cost is not None:
        parts.append(f"{defence.cost:.1f} × the time")
    return "; ".join(parts)


def _shown(budgets: Sequence[str]) -> Sequence[str]:
    """At most five budgets, with the smallest and the largest."""
    if len(budgets) <= _COLUMNS:
        return budgets
    last = len(budgets) - 1
    return [budgets[round(i * last / (_COLUMNS - 1))] for i in range(_COLUMNS)]


def _placed(placement: Placement) -> str:
    known = f"{len(placement.models)} models of unexplained variance "
    known += f"{placement.unexplained_variance:.2f}"
    if placement.z_score is None:
        return f"not comparable with {known}"
    z_score = _signed(f"{placement.z_score:+.1f}")
    expected = f"{placement.metric} {_number(placement.expected)} expected"
    return f"z = {z_score} among {known} ({expected})"


def _with_interval(result: Result | None) -> str:
    if result is None or result.low is None or result.high is None:
        return _value(result)
    return f"{_value(result)} {_number(result.low)}–{_number(result.high)}"


def _lines(result: Result | None) -> str:
    if result is None:
        return ""
    lines = result.lines
    return " ".join(map(_number, (lines.identity, lines.blend, lines.ppca)))


def _value(result: Result | None) -> str:
    return _number(None if result is None else result.value)


def _number(value: float | None) -> str:
    return _UNKNOWN if value is None else _signed(f"{value:.2f}")


def _share(result: Result | None) -> str:
    return _percent(None if result is None else result.value)


def _percent(value: float | None) -> str:
    return _UNKNOWN if value is None else _signed(f"{100 * value:.0f} %")


def _signed(number: str) -> str:
    return number.replace("-", "−")
