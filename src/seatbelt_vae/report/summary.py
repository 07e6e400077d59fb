"""The summary of a report: which models are fooled, how far, and whether flags are raised."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from seatbelt_vae.evaluation import compare_suites
from seatbelt_vae.evaluation.bootstrap import FEWEST, Estimate
from seatbelt_vae.evaluation.fooled import FOOLED, finding_of
from seatbelt_vae.evaluation.measures import BUDGETS
from seatbelt_vae.report.collect import Measured, Run, Suite, leading_suite
from seatbelt_vae.report.tables import HEADLINE

__all__ = ["comparison", "judged", "summary_rows", "trust"]

Row = dict[str, Any]

_NO_INTERVAL: Row = {"value": None, "low": None, "high": None}


def summary_rows(runs: Sequence[Run]) -> list[Row]:
    """One JSON-serialisable row per model: verdict, sentence, headline numbers, trust.

    ``moved`` is 1 − gap at ε = 0.2: the share of the way from rec(x) to rec(xₜ) that the best
    attack covers. ``halfway`` is the ε at which it covers half. ``points`` are the gaps of the
    pairs.
    """
    name = leading_suite(runs)
    return [_row(run, run.suites.get(name or "")) for run in runs]


def trust(suite: Suite | None) -> Row:
    """Whether a suite's numbers can be believed: a verdict, its text, the raised flags."""
    return judged(suite.flags, suite.config.strength) if suite else judged(None, None)


def judged(flags: Sequence[Row] | None, strength: str | None) -> Row:
    """As `trust`, from a suite's flags (None: not computed yet) and strength (None: no suite)."""
    if strength is None:
        return {"verdict": "none", "text": "not attacked", "flags": []}
    if flags is None:
        return {"verdict": "unchecked", "text": "unfinished: flags not computed yet", "flags": []}
    raised = [flag["name"] for flag in flags if flag["raised"]]
    if raised:
        text = f"unreliable: {len(raised)} flag{'s' if len(raised) > 1 else ''}"
        return {"verdict": "unreliable", "text": text, "flags": raised}
    if strength != "strong":
        text = f"weak attack: strength {strength}"
        return {"verdict": "weak", "text": text, "flags": []}
    return {"verdict": "believable", "text": "believable", "flags": []}


def comparison(runs: Sequence[Run]) -> list[str]:
    """Sentences: the verdicts, the ranking if the intervals support one, and the raised flags."""
    name = leading_suite(runs)
    known = {
        run.name: run.suites[name]
        for run in runs
        if name is not None and name in run.suites and _gap(run.suites[name]) is not None
    }
    if not known:
        return ["No model has been attacked and measured yet, so there is no answer."]
    ranking = [_ranking(known)] if len(known) > 1 else []
    flagged = [
        f"{name} ({', '.join(flags)})"
        for name, suite in known.items()
        if (flags := trust(suite)["flags"])
    ]
    warning = [f"Unreliable, flags are raised: {'; '.join(flagged)}."] if flagged else []
    answer = _answer(known, len(known) == len(runs)) + _reach(known)
    return [answer, *ranking, *warning, _scope(runs)]


def _row(run: Run, suite: Suite | None) -> Row:
    measured = suite.measured if suite else None
    gap = measured.estimate(HEADLINE) if measured else _NO_INTERVAL
    verdict, sentence = _headline(suite, gap["value"])
    evaluated = run.evaluation.measures if run.evaluation else {}

    def number(measure: str) -> Any:
        return measured.estimate(measure)["value"] if measured else None

    return {
        "model": run.name,
        "preset": run.preset,
        "defence": "" if run.config is None else ", ".join(run.config.objective.defence),
        "suite": suite.name if suite else None,
        "pairs": len(measured.pairs) if measured else 0,
        "pairs_told_apart": measured.summary["pairs_told_apart"] if measured else 0,
        "verdict": verdict,
        "sentence": sentence,
        "moved": None if gap["value"] is None else 1 - gap["value"],
        HEADLINE: {key: gap[key] for key in ("value", "low", "high")},
        "points": _points(measured.pairs) if measured else [],
        f"blend_{HEADLINE}": number(f"blend_{HEADLINE}"),
        "halfway": _halfway(measured),
        "auddc_worst": number("auddc_worst"),
        "reconstruction_error": number("reconstruction_error"),
        "iou": evaluated.get("iou"),
        "elbo": evaluated.get("elbo"),
        "trust": trust(suite),
    }


def _headline(suite: Suite | None, gap: float | None) -> tuple[str, str]:
    if suite is None:
        return "unknown", "not attacked yet"
    if suite.measured is None:
        wanted = suite.config.pairs
        return "unknown", f"attacked on {suite.pairs_attacked} of {wanted} pairs, not measured yet"
    if gap is None:
        return (
            "unknown",
            "it reconstructs input and target alike in every pair, so the gap is undefined",
        )
    return finding_of(gap), (
        f"with a distortion {_percent(0.2)} as large as the difference between the images, "
        f"the reconstruction moves {_percent(1 - gap)} of the way to the target"
    )


def _halfway(measured: Measured | None) -> float | None:
    """The smallest ε with a mean gap of ½, interpolated linearly; None above the last budget."""
    found = [measured.estimate(f"gap@{e:g}")["value"] for e in BUDGETS] if measured else []
    gaps: list[float] = [gap for gap in found if gap is not None]
    if len(gaps) < len(BUDGETS) or gaps[-1] > FOOLED:
        return None
    curve = list(zip((0.0, *BUDGETS), (1.0, *gaps), strict=True))
    (near, above), (far, below) = next(s for s in pairwise(curve) if s[1][1] <= FOOLED)
    return near + (far - near) * (above - FOOLED) / (above - below)


def _percent(share: float) -> str:
    return f"{share * 100:.0f}\u00a0%".replace("-", "−")


def _points(pairs: Sequence[Row]) -> list[float]:
    return [pair[HEADLINE] for pair in pairs if pair["told_apart"] and pair[HEADLINE] is not None]


def _gap(suite: Suite) -> float | None:
    value: float | None = suite.measured.estimate(HEADLINE)["value"] if suite.measured else None
    return value


def _image_pairs(suite: Suite) -> list[tuple[int, int]]:
    pairs = suite.measured.pairs if suite.measured else []
    return sorted((pair["input_index"], pair["target_index"]) for pair in pairs)


def _answer(known: dict[str, Suite], complete: bool) -> str:
    """Models by verdict at ε = 0.2, least robust first; ``complete``: every model was measured."""
    gaps = {name: _gap(suite) or 0.0 for name, suite in known.items()}
    ordered = sorted(gaps, key=lambda name: gaps[name])
    groups = {
        verdict: [
            f"{n} ({_percent(1 - gaps[n])})" for n in ordered if finding_of(gaps[n]) == verdict
        ]
        for verdict in ("fooled", "partly fooled", "not fooled")
    }
    known_groups = {verdict: names for verdict, names in groups.items() if names}
    by = f"by a distortion of {_percent(0.2)}"
    if len(known_groups) == 1 and len(gaps) > 1:
        (verdict,) = known_groups
        models = "model" if complete else "attacked model"
        none = verdict == "not fooled"
        subject = f"No {models} is fooled" if none else f"All {models}s are {verdict}"
        return f"{subject} {by}: {', '.join(groups[verdict])} of the way to the target."
    parts = [
        f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} {verdict}"
        for verdict, names in known_groups.items()
    ]
    return f"{by.capitalize()}, {'; '.join(parts)}."


def _reach(known: dict[str, Suite]) -> str:
    """The budget for half the way, for each model that is not fooled at ε = 0.2."""
    held = {n: b for n, b in known.items() if finding_of(_gap(b) or 0.0) != "fooled"}
    halfway = {name: _halfway(suite.measured) for name, suite in held.items()}
    budgets = [f"{_percent(e)} for {name}" for name, e in halfway.items() if e is not None]
    return f" Half the way needs a distortion of {', '.join(budgets)}." if budgets else ""


def _ranking(known: dict[str, Suite]) -> str:
    if len({str(_image_pairs(suite)) for suite in known.values()}) > 1:
        return "The models were attacked on different pairs of images, so they are not ranked."
    gaps = {name: _gap(suite) or 0.0 for name, suite in known.items()}
    best, *others = sorted(gaps, key=lambda name: -gaps[name])
    lead = {
        name: compare_suites(known[best].folder, known[name].folder, HEADLINE) for name in others
    }
    fewest = min(found.n for found in lead.values())
    if fewest < FEWEST:
        return (
            f"The results come from {fewest} pairs: too few for intervals ({FEWEST} are needed), "
            f"so the models are not ranked."
        )
    beaten = [_less(name, found) for name, found in lead.items() if (found.low or 0) > 0]
    equal = [name for name, found in lead.items() if (found.low or 0) <= 0]
    if not beaten:
        return "The 95\u00a0% intervals do not show any model to be the most robust."
    if equal:
        return (
            f"No single model is the most robust: {best} moves {', '.join(beaten)} (95\u00a0% "
            f"intervals), but its difference from {', '.join(equal)} may be zero."
        )
    return f"{best} is the hardest to fool: it moves {', '.join(beaten)} (95\u00a0% intervals)."


def _less(name: str, found: Estimate) -> str:
    low, high = (100 * (end or 0.0) for end in (found.low, found.high))
    return f"{low:.0f} to {high:.0f} percentage points less of the way than {name}"


def _scope(runs: Sequence[Run]) -> str:
    presets = [run.preset for run in runs]
    seeds = sorted({run.config.training.seed for run in runs if run.config is not None})
    if len(set(presets)) == len(presets):
        return (
            "Each model was trained with one seed: the comparison is between these trained models, "
            "not between methods."
        )
    return (
        f"{len(runs)} trained models, seeds {', '.join(map(str, seeds))}: intervals cover "
        f"the variation over pairs of images, not over training runs."
    )
