"""Advice: the next steps that follow from the findings of an audit."""

from collections.abc import Iterator
from dataclasses import dataclass

from seatbelt_vae.auditing.audit_commands import data_options, elsewhere, repeated
from seatbelt_vae.auditing.doubts import all_doubts
from seatbelt_vae.auditing.verdict import HEADLINE
from seatbelt_vae.evaluation.bootstrap import FEWEST
from seatbelt_vae.runs.audit_document import Audit

__all__ = ["Advice", "advice_on"]

_PAIRS = 20
_FADES = 0.5  # share of the way below which a transformation counts as a remedy
_UNEVEN = 0.1  # difference between classes
_RULE = "gap@0.2 < 0.5"


@dataclass(frozen=True)
class Advice:
    """One step.

    Args:
        title: the step in a few words.
        text: the finding behind it, and its effect.
        commands: the commands to run, if any.
    """

    title: str
    text: str
    commands: tuple[str, ...] = ()


def advice_on(audit: Audit) -> list[Advice]:
    """The steps that follow from the findings: first those that make the numbers believable."""
    return [*_of_doubts(audit), *_of_the_finding(audit), *_of_answers(audit), *_of_rules(audit)]


def _of_doubts(audit: Audit) -> Iterator[Advice]:
    changed: dict[str, str | int] = {}
    for doubt in all_doubts(audit):
        yield Advice(doubt.name.capitalize(), f"{doubt.detail}: {doubt.do}.".capitalize())
        if doubt.name.endswith("not converged"):
            changed["effort"] = f"{2 * _number(audit, 'effort', 1):g}"
        if doubt.name == "few pairs" and _number(audit, "pairs", _PAIRS) < FEWEST:
            changed["pairs"] = _PAIRS
        if doubt.name == "gradient-free search beats the attack":
            changed["gradient_free"] = f"{2 * _number(audit, 'gradient_free', 100):g}"
    if any(check.raised for check in audit.checks) and audit.command:
        command = f"{repeated(audit.command)} --check-only"
        yield Advice("Check the correction", "The checks alone take seconds.", (command,))
    if changed and audit.command:
        names = " and ".join(name.replace("_", "-") for name in changed)
        command = repeated(audit.command, **changed, **elsewhere(audit))
        text = f"With more {names}, which takes longer."
        if not elsewhere(audit):
            text += " Move the folder audit away first."
        yield Advice("Audit again", text, (command,))


def _number(audit: Audit, setting: str, default: float) -> float:
    """A setting of the audit; the default if it is 0, unset or no number."""
    found = audit.settings.get(setting)
    return found if type(found) in (int, float) and found else default


def _of_the_finding(audit: Audit) -> Iterator[Advice]:
    headline = audit.result(HEADLINE)
    if audit.verdict.finding not in ("fooled", "partly fooled") or headline is None:
        return
    if len(audit.target.event_shape) != 3:
        return
    options = " ".join(filter(None, ["--preset seatbelt", data_options(audit.command)]))
    text = (
        "A hierarchical VAE with a total correlation penalty (preset seatbelt) is the model of "
        "this package that is harder to fool. Train it on the same images, audit it, and compare "
        "the gap and the reconstruction error."
    )
    commands = f"seatbelt-vae train runs/belt {options}", "seatbelt-vae audit runs/belt"
    yield Advice("Train a model that is harder to fool", text, commands)


def _of_answers(audit: Audit) -> Iterator[Advice]:
    kept = {s.transformation: audit.result(s.metric) for s in audit.survival}
    shares = {name: r.value for name, r in kept.items() if r is not None and r.value is not None}
    if shares and min(shares.values()) < _FADES:
        name = min(shares, key=lambda each: shares[each])
        text = (
            f"After {name}, attacked inputs keep {100 * shares[name]:.0f} % of the way to the "
            "target. Such a step before the model stops an attacker who does not know it. One who "
            "knows it attacks through it: put the step into the model and audit it again."
        )
        yield Advice("Transform the inputs", text)
    gaps = {c.label: c.value for c in audit.classes if c.value is not None}
    if gaps and max(gaps.values()) - min(gaps.values()) > _UNEVEN:
        weakest = min(gaps, key=lambda each: gaps[each])
        text = (
            f"The class {weakest} has the lowest mean gap, {gaps[weakest]:.2f}. More training "
            "images of this class may help more than a change of the whole model."
        )
        yield Advice("Look at the weakest class", text)
    universal = audit.universal and audit.result(audit.universal.metric)
    if universal and (universal.value or 0.0) > 1:
        text = (
            f"One distortion, without knowledge of the input, changes reconstructions "
            f"{universal.value:.1f} times as much as the input. Add such distortions to the "
            "training images."
        )
        yield Advice("Train on distorted inputs", text)


def _of_rules(audit: Audit) -> Iterator[Advice]:
    if not audit.verdict.rules and audit.result(HEADLINE) is not None and audit.command:
        text = "A rule turns the audit into a test: the command exits with 1 if the rule is true."
        yield Advice("Test it in CI", text, (repeated(audit.command, fail_if=_RULE),))
