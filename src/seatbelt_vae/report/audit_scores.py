"""Compares audits of the same images, with paired differences of the gap."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seatbelt_vae.evaluation import Estimate, paired_difference
from seatbelt_vae.evaluation.audit_columns import AUDIT_HEADLINES
from seatbelt_vae.report.comparable import differing
from seatbelt_vae.results import Store

__all__ = ["QUERIES", "AuditGroup", "AuditScore", "compare_audits"]

Row = dict[str, Any]
Place = tuple[int, int]
"""Positions of the input and of the target of a pair in the audited images."""

QUERIES = {
    "audits": "SELECT * FROM audits ORDER BY run",
    "results": "SELECT run, metric, goal, threat, epsilon, value, low, high, certified "
    "FROM audit_results",
    "worst": "SELECT run, input_index, target_index, threat, epsilon, value FROM audit_worst "
    "WHERE goal = 'gap' AND told_apart",
}
"""The SQL that the numbers come from."""

_EFFORT = ("pairs", "seed", "effort", "version")


@dataclass(frozen=True)
class AuditScore:
    """One audit.

    Args:
        run: name of the run or other subject.
        audit: its row of the view ``audits``.
        results: its rows of the view ``audit_results`` by metric.
        difference: of the group's gap, over common pairs, from the reference; None for the
            reference and without common pairs.
    """

    run: str
    audit: Row
    results: Mapping[str, Row]
    difference: Estimate | None = None

    def value(self, metric: str) -> float | None:
        """The value of a metric; None if the audit has none."""
        found: float | None = self.results.get(metric, {}).get("value")
        return found


@dataclass(frozen=True)
class AuditGroup:
    """Audits of the same images, hardest to fool first.

    Args:
        data: name of the data set.
        images: number of the images.
        metrics: the compared metrics, gaps by budget first.
        headline: the gap that orders the audits: at ε = 0.2 if all have it, else the first common
            one; None if there is none.
        scores: the audits.
        reference: the audit that the differences are from; None for a single audit.
        caveats: settings that differ.
    """

    data: str
    images: int
    metrics: list[str]
    headline: str | None
    scores: list[AuditScore]
    reference: str | None
    caveats: list[str]


def compare_audits(store: Store, against: str | None = None) -> list[AuditGroup]:
    """Compare the audits of a store, one group per set of images.

    Args:
        store: the results store of the audited runs and other subjects.
        against: the reference of its group (default: the hardest to fool among the believable).
    """
    found = {name: store.query(sql).to_pylist() for name, sql in QUERIES.items()}
    groups: dict[str, list[AuditScore]] = {}
    for audit in found["audits"]:
        results = {row["metric"]: row for row in found["results"] if row["run"] == audit["run"]}
        score = AuditScore(audit["run"], audit, results)
        groups.setdefault(audit["images_digest"], []).append(score)
    return [_group(scores, found["worst"], against) for scores in groups.values()]


def _group(scores: list[AuditScore], worst: Sequence[Row], against: str | None) -> AuditGroup:
    headline = _headline(scores)
    scores = sorted(scores, key=lambda score: _rank(score, headline), reverse=True)
    reference = _reference(scores, against) if len(scores) > 1 else None
    if reference is not None and headline is not None:
        gaps = {score.run: _gaps(score, headline, worst) for score in scores}
        scores = [
            replace(score, difference=_difference(gaps[score.run], gaps[reference.run]))
            if score is not reference
            else score
            for score in scores
        ]
    settings = {name: {s.run: s.audit[name] for s in scores} for name in _EFFORT}
    return AuditGroup(
        data=scores[0].audit["data"],
        images=scores[0].audit["images"],
        metrics=_metrics(scores),
        headline=headline,
        scores=scores,
        reference=reference.run if reference is not None else None,
        caveats=[
            f"Audited with different {name}: {values}."
            for name, of_runs in settings.items()
            if (values := differing(of_runs))
        ],
    )


def _headline(scores: Sequence[AuditScore]) -> str | None:
    gaps = [name for name, row in scores[0].results.items() if row["goal"] == "gap"]
    common = [name for name in gaps if all(name in score.results for score in scores)]
    preferred = [name for name in AUDIT_HEADLINES if name in common]
    return next(iter([*preferred, *common]), None)


def _rank(score: AuditScore, headline: str | None) -> float:
    value = None if headline is None else score.value(headline)
    return -math.inf if value is None else value


def _reference(scores: Sequence[AuditScore], against: str | None) -> AuditScore:
    """The requested audit, else the first one that is believable, else the first."""
    requested = [score for score in scores if score.run == against]
    believable = [score for score in scores if score.audit["believable"]]
    return [*requested, *believable, *scores][0]


def _metrics(scores: Sequence[AuditScore]) -> list[str]:
    """The L2 gaps by budget, then the main metrics of an audit; those that any of them has."""
    known = {name: row for score in scores for name, row in score.results.items()}
    gaps = [n for n, row in known.items() if row["goal"] == "gap" and row["threat"] == "l2"]
    gaps.sort(key=lambda name: known[name]["epsilon"])
    return list(dict.fromkeys([*gaps, *(name for name in AUDIT_HEADLINES if name in known)]))


def _gaps(score: AuditScore, headline: str, worst: Sequence[Row]) -> dict[Place, float]:
    """The gap of every pair at the budget of a metric."""
    wanted = score.results[headline]
    return {
        (row["input_index"], row["target_index"]): row["value"]
        for row in worst
        if row["run"] == score.run
        and row["threat"] == wanted["threat"]
        and math.isclose(row["epsilon"], wanted["epsilon"], rel_tol=1e-9)
        and row["value"] is not None
    }


def _difference(own: Mapping[Place, float], reference: Mapping[Place, float]) -> Estimate | None:
    common = sorted(own.keys() & reference.keys())
    if not common:
        return None
    return paired_difference([own[p] for p in common], [reference[p] for p in common])
