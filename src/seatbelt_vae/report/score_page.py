"""The score page: robustness against the ELBO with the Pareto front, and audits, in one file."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seatbelt_vae.attacks import FLAGS
from seatbelt_vae.evaluation.bootstrap import FEWEST, Estimate
from seatbelt_vae.evaluation.measures import MODEL_MEASURES, PAIR_MEASURES
from seatbelt_vae.report.audit_scores import QUERIES, AuditGroup, AuditScore, compare_audits
from seatbelt_vae.report.robustness_scatter import AXES, scatter
from seatbelt_vae.report.scores import ROBUSTNESS, Comparison, Group, Score, compare_runs
from seatbelt_vae.report.tables import HEADLINE, Cell, cell, number
from seatbelt_vae.report.templating import render_page
from seatbelt_vae.results import Store
from seatbelt_vae.runs import atomic_write

__all__ = ["write_comparison"]

_MOST_NAMED = 6


def write_comparison(
    store: Store, out: Path, *, suite: str | None = None, against: str | None = None
) -> Path:
    """Write one HTML page that compares the models of a store; the write is atomic.

    Models are grouped by data set and likelihood. Each group has two plots: the gap at ε = 0.2 and
    AUDDC against the β = 1 ELBO, with the Pareto front. Models with raised flags have hollow
    markers. Audits of the same images share a table.

    Args:
        store: the results store of the runs.
        out: path of the HTML file.
        suite: the compared suite (default: the suite that most runs have measured).
        against: the reference of the differences (default: the run that is hardest to fool).

    Returns:
        ``out``.

    Raises:
        ConfigError: an unknown suite or run.
        ArtifactError: a corrupt file, or ``out`` cannot be written.
    """
    found, audits = compare_runs(store, suite, against), compare_audits(store, against)
    content = _content(found, audits)
    atomic_write(out, render_page("scores.html", content).encode(errors="replace"))
    return out


def _content(found: Comparison, audits: Sequence[AuditGroup]) -> dict[str, Any]:
    audited = {score.run for audit in audits for score in audit.scores}
    groups = _without(audited, found.groups)
    scores = [score for group in groups for score in group.scores]
    lacking = [run for group in groups for run, _ in group.lacking]
    return {
        "comparison": found,
        "axes": AXES,
        "groups": [_shown(group, k) for k, group in enumerate(groups)],
        "audits": [_shown_audits(group) for group in audits],
        "audit_queries": list(QUERIES.values()) if audits else [],
        "count": len({*lacking, *(score.run for score in scores), *audited}),
        "data": list(dict.fromkeys([*(g.data for g in groups), *(g.data for g in audits)])),
        "pairs": max((len(score.pairs) for score in scores), default=0),
        "fewest": FEWEST,
        "flags": _raised(scores),
        "definitions": [MODEL_MEASURES["elbo"], *(PAIR_MEASURES[name] for name in ROBUSTNESS)],
    }


def _without(audited: Collection[str], groups: Sequence[Group]) -> list[Group]:
    """The groups without models that have nothing to show but an audit."""
    kept = [
        replace(group, lacking=[(run, why) for run, why in group.lacking if run not in audited])
        for group in groups
    ]
    return [group for group in kept if group.scores or group.lacking]


def _shown_audits(group: AuditGroup) -> dict[str, Any]:
    """A table of audits: columns with their notes, and one row of cells per audit."""
    differs = group.reference is not None and group.headline is not None
    named = ("finding", "unexplained variance", *group.metrics)
    columns = [(name, "") for name in named]
    if differs:
        place = 1 + named.index(str(group.headline))
        columns.insert(place, ("difference", f"from {group.reference}"))
    return {
        "group": group,
        "columns": columns,
        "rows": [(score, _audit_cells(score, group, differs)) for score in group.scores],
    }


def _audit_cells(score: AuditScore, group: AuditGroup, differs: bool) -> list[Cell]:
    cells = [
        cell(score.audit["finding"] or score.audit["status"]),
        cell(score.audit["unexplained_variance"]),
    ]
    for metric in group.metrics:
        result = score.results.get(metric, {})
        found = cell(score.value(metric), result.get("low"), result.get("high"))
        if (certified := result.get("certified")) is not None:
            found = replace(found, note=f"{found.note} certified {number(certified)}".lstrip())
        cells.append(found)
        if differs and metric == group.headline:
            cells.append(_change(score.difference, is_reference=score.run == group.reference))
    return cells


def _shown(group: Group, position: int) -> dict[str, Any]:
    return {
        "group": group,
        "sentences": _sentences(group),
        "presets": sorted({score.index for score in group.scores}),
        "flagged": any(score.flagged for score in group.scores),
        "few": any(found.low is None for s in group.scores for found in s.robustness.values()),
        "plots": {measure: scatter(group, measure, position) for measure in ROBUSTNESS},
        "rows": [(score, _cells(score, group.reference)) for score in group.scores],
    }


def _cells(score: Score, reference: str | None) -> list[Cell]:
    """The cells of one model's row, without its name."""
    cells = [*(_setting(score.settings[name]) for name in ("beta", "depth")), cell(score.elbo)]
    for measure in ROBUSTNESS:
        found = score.robustness[measure]
        cells.append(cell(found.value, found.low, found.high))
        if reference is not None:
            cells.append(_difference(score, reference, measure))
    return cells


def _setting(value: float | None) -> Cell:
    return replace(cell(value), text="–" if value is None else f"{value:g}")


def _difference(score: Score, reference: str, measure: str) -> Cell:
    return _change(score.difference[measure], is_reference=score.run == reference)


def _change(found: Estimate | None, *, is_reference: bool) -> Cell:
    """The cell of a paired difference from the reference."""
    if is_reference:
        return Cell("reference", "0")
    if found is None:
        return Cell("–", "", "no pair in common")
    return cell(found.value, found.low, found.high, "+" if (found.value or 0) > 0 else "")


def _sentences(group: Group) -> list[str]:
    """Sentences on the Pareto front, on raised flags, and on the second measure."""
    if len(group.scores) < 2:
        return ["There is only one model to compare."] if group.scores else []
    first, second = ([s.run for s in group.scores if s.on_front[m]] for m in ROBUSTNESS)
    sentences = [_front_sentence(first, len(group.scores))] if first else []
    sentences += _flagged_sentence(group)
    if second:
        front = "the same" if set(first) == set(second) else _listed(second)
        sentences.append(f"By {AXES['auddc_worst']}, the front is {front}.")
    return sentences


def _flagged_sentence(group: Group) -> list[str]:
    """The models of the front that have raised flags, and the front without them."""
    flagged = [s for s in group.scores if s.flagged and s.on_front[HEADLINE]]
    if not flagged:
        return []
    flags = ", ".join(dict.fromkeys(flag for score in flagged for flag in score.trust["flags"]))
    sure = [score.run for score in group.scores if score.on_unflagged_front[HEADLINE]]
    if not sure:
        return [f"All models have raised flags (on the front: {flags})."]
    has = "has" if len(flagged) == 1 else "have"
    return [
        f"Of these, {_listed([score.run for score in flagged])} {has} raised flags ({flags}); "
        f"without flagged models the front is {_listed(sure)}."
    ]


def _front_sentence(front: Sequence[str], count: int) -> str:
    if len(front) == count:
        return "No model dominates another: a model that is harder to fool has a lower ELBO."
    if len(front) == 1:
        return f"{front[0]} dominates every other model in robustness and ELBO."
    rest = count - len(front)
    others = "the other model" if rest == 1 else f"each of the other {rest} models"
    return (
        f"{_listed(front)} are on the Pareto front; one of them dominates {others} in robustness "
        f"and ELBO."
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
