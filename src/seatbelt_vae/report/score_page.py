"""The score page: robustness against the ELBO, with the Pareto front, in one HTML file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seatbelt_vae.attacks import FLAGS
from seatbelt_vae.evaluation.bootstrap import FEWEST, Estimate
from seatbelt_vae.evaluation.measures import MODEL_MEASURES, PAIR_MEASURES
from seatbelt_vae.report.page import render_page
from seatbelt_vae.report.scatter import AXES, scatter
from seatbelt_vae.report.scores import ROBUSTNESS, Comparison, Group, Score, compare_runs
from seatbelt_vae.report.tables import HEADLINE, Cell, number
from seatbelt_vae.results import Store
from seatbelt_vae.runs import atomic_write

__all__ = ["write_comparison"]

_MOST_NAMED = 6


def write_comparison(
    store: Store, out: Path, *, suite: str | None = None, against: str | None = None
) -> Path:
    """Write one HTML page that sets the models of a store side by side, whole or not at all.

    Each group of one data set and one likelihood has its own plots: robustness (the gap at
    ε = 0.2, and AUDDC) against the β = 1 ELBO, with the Pareto front. Markers of models with raised
    flags are hollow.

    Args:
        store: of the runs.
        out: the file.
        suite: which suite is compared (default: the one most runs have measured).
        against: the run that differences are taken against (default: the hardest to fool).

    Returns:
        ``out``.

    Raises:
        ConfigError: no such suite or run.
        ArtifactError: a corrupt file, or ``out`` cannot be written.
    """
    found = compare_runs(store, suite, against)
    atomic_write(out, render_page("scores.html", _content(found)).encode(errors="replace"))
    return out


def _content(found: Comparison) -> dict[str, Any]:
    scores = [score for group in found.groups for score in group.scores]
    lacking = [run for group in found.groups for run, _ in group.lacking]
    return {
        "comparison": found,
        "axes": AXES,
        "groups": [_shown(group, k) for k, group in enumerate(found.groups)],
        "count": len(scores) + len(lacking),
        "data": list(dict.fromkeys(group.data for group in found.groups)),
        "pairs": max((len(score.pairs) for score in scores), default=0),
        "fewest": FEWEST,
        "flags": _raised(scores),
        "definitions": [MODEL_MEASURES["elbo"], *(PAIR_MEASURES[name] for name in ROBUSTNESS)],
    }


def _shown(group: Group, position: int) -> dict[str, Any]:
    """A group as the template shows it."""
    return {
        "group": group,
        "sentences": _sentences(group),
        "presets": sorted({score.index for score in group.scores}),
        "doubted": any(score.doubted for score in group.scores),
        "few": any(found.low is None for s in group.scores for found in s.robustness.values()),
        "plots": {measure: scatter(group, measure, position) for measure in ROBUSTNESS},
        "rows": [(score, _cells(score, group.reference)) for score in group.scores],
    }


def _cells(score: Score, reference: str | None) -> list[Cell]:
    """The cells of the table after the model's name."""
    settings = score.settings
    cells = [
        *(Cell(_setting(settings[name]), _key(settings[name])) for name in ("beta", "depth")),
        Cell(number(score.elbo), _key(score.elbo)),
    ]
    for measure in ROBUSTNESS:
        cells.append(_estimate(score.robustness[measure]))
        if reference is not None:
            cells.append(_difference(score, reference, measure))
    return cells


def _setting(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _estimate(found: Estimate, sign: str = "") -> Cell:
    interval = ""
    if found.low is not None and found.high is not None:
        interval = f"{number(found.low)} … {number(found.high)}"
    return Cell(f"{sign}{number(found.value)}", _key(found.value), interval)


def _difference(score: Score, reference: str, measure: str) -> Cell:
    if score.run == reference:
        return Cell("reference", "0")
    found = score.difference[measure]
    if found is None:
        return Cell("–", "", "no pair in common")
    return _estimate(found, "+" if (found.value or 0) > 0 else "")


def _key(value: float | None) -> str:
    return "" if value is None else repr(value)


def _sentences(group: Group) -> list[str]:
    """Sentences on the Pareto front, on raised flags, and on the second measure."""
    if len(group.scores) < 2:
        return ["There is one model here, so nothing betters it."] if group.scores else []
    first, second = ([s.run for s in group.scores if s.on_front[m]] for m in ROBUSTNESS)
    sentences = [_front_sentence(first, len(group.scores))] if first else []
    sentences += _doubts(group)
    if second:
        same = set(first) == set(second)
        found = "gives the same front" if same else f"puts {_listed(second)} on the front"
        sentences.append(f"{AXES['auddc_worst']} {found}.")
    return sentences


def _doubts(group: Group) -> list[str]:
    """Models of the front with raised flags, and the front without such models."""
    doubted = [s for s in group.scores if s.doubted and s.on_front[HEADLINE]]
    if not doubted:
        return []
    flags = ", ".join(dict.fromkeys(flag for score in doubted for flag in score.trust["flags"]))
    sure = [score.run for score in group.scores if score.surely_on_front[HEADLINE]]
    if not sure:
        return [f"None of the models here can be believed as it stands ({flags})."]
    stand = "it stands" if len(doubted) == 1 else "they stand"
    return [
        f"Of these, {_listed([score.run for score in doubted])} cannot be believed as {stand} "
        f"({flags}); without models in doubt the front is {_listed(sure)}."
    ]


def _front_sentence(front: Sequence[str], count: int) -> str:
    if len(front) == count:
        return "No model betters another: who is harder to fool has the lower ELBO."
    if len(front) == 1:
        return f"{front[0]} betters every other model: harder to fool, and with the higher ELBO."
    others = (
        "the other one" if count - len(front) == 1 else f"each of the other {count - len(front)}"
    )
    return (
        f"{_listed(front)} are on the Pareto front; {others} is bettered in both by one of them: "
        f"no harder to fool, and with no higher ELBO."
    )


def _listed(names: Sequence[str]) -> str:
    if len(names) > _MOST_NAMED:
        return f"{', '.join(names[:_MOST_NAMED])} and {len(names) - _MOST_NAMED} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _raised(scores: Sequence[Score]) -> list[dict[str, Any]]:
    names = dict.fromkeys(name for score in scores for name in score.trust["flags"])
    return [
        {
            "name": name,
            "models": [score.run for score in scores if name in score.trust["flags"]],
            "meaning": FLAGS.get(name),
        }
        for name in names
    ]
