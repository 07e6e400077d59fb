"""Compares models by robustness and ELBO, and finds the Pareto front."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from seatbelt_vae.config import PRESETS
from seatbelt_vae.config.checks import one_of
from seatbelt_vae.evaluation import Estimate, compare_pairs, estimate
from seatbelt_vae.evaluation.measures import PAIR_MEASURES
from seatbelt_vae.report.collect import suite_rank
from seatbelt_vae.report.comparable import by_kind, differing, titles
from seatbelt_vae.report.summary import judged
from seatbelt_vae.report.tables import HEADLINE
from seatbelt_vae.results import Store, identifier, literal, pareto_front

__all__ = ["ROBUSTNESS", "Comparison", "Group", "Score", "compare_runs"]

Row = dict[str, Any]

ROBUSTNESS = (HEADLINE, "auddc_worst")
"""The measures of robustness."""

_EFFORT = (
    *("seed", "draws", "restarts", "max_evaluations", "memory", "recheck", "gradient_free"),
    *("weight_count", "levels", "budgets", "fresh_draws"),
)


@dataclass(frozen=True)
class Score:
    """The results of one model.

    Args:
        run: name of the run.
        index: index of the preset, which selects colour and marker.
        settings: the run's row of the view ``runs``.
        elbo: β = 1, nats per image; None without an evaluation.
        pairs: the run's rows of the view ``pairs``.
        robustness: estimate over pairs, by measure.
        trust: see `judged`.
        difference: paired difference from the reference, by measure; None for the reference and
            without common pairs.
        on_front: whether the model is on the Pareto front, by measure.
        on_unflagged_front: the same among models without raised flags.
    """

    run: str
    index: int
    settings: Row
    elbo: float | None
    pairs: list[Row]
    robustness: Mapping[str, Estimate]
    trust: Row
    difference: Mapping[str, Estimate | None] = field(default_factory=dict)
    on_front: Mapping[str, bool] = field(default_factory=dict)
    on_unflagged_front: Mapping[str, bool] = field(default_factory=dict)

    @property
    def flagged(self) -> bool:
        """Whether a validity flag is raised."""
        return bool(self.trust["flags"])

    def place(self, measure: str) -> tuple[float, float] | None:
        """ELBO and robustness; None if one of them is missing."""
        value = self.robustness[measure].value
        return None if self.elbo is None or value is None else (self.elbo, value)


@dataclass(frozen=True)
class Group:
    """Models whose ELBOs can be compared.

    Args:
        title: data set and likelihood.
        data: name of the data set.
        scores: the models with ELBO and robustness, most robust first.
        lacking: the other models, each with the missing steps.
        reference: the reference run of the differences; None if there is only one model.
        caveats: differences in effort that make the numbers less comparable.
    """

    title: str
    data: str
    scores: list[Score]
    lacking: list[tuple[str, str]]
    reference: str | None
    caveats: list[str]


@dataclass(frozen=True)
class Comparison:
    """All models of a store, by group.

    Args:
        suite: the compared suite; empty if no model was attacked.
        groups: the groups, ordered by their first run.
        presets: the presets, in the order of `Score.index`.
        queries: the SQL that the numbers come from.
    """

    suite: str
    groups: list[Group]
    presets: list[str]
    queries: list[str]


def compare_runs(store: Store, suite: str | None = None, against: str | None = None) -> Comparison:
    """Compare the runs of a store by robustness and ELBO.

    Args:
        store: the results store of the runs.
        suite: the compared suite (default: the suite that most runs have measured).
        against: the reference run of its group (default: the hardest to fool without raised flags).

    Raises:
        ConfigError: an unknown suite or run.
    """
    rows = _Rows.of(store, _suite(store, suite))
    if against is not None:
        one_of("run", against, [run["run"] for run in rows.runs])
    used = {run["preset"] for run in rows.runs}
    presets = [preset for preset in dict.fromkeys((*PRESETS, *sorted(used))) if preset in used]
    kinds = by_kind(rows.runs)
    groups = [
        _group(title, [_score(run, presets, rows) for run in runs], rows, against)
        for title, runs in zip(titles(list(kinds)), kinds.values(), strict=True)
    ]
    return Comparison(rows.suite, groups, presets, list(_queries(rows.suite).values()))


@dataclass(frozen=True)
class _Rows:
    """The rows of all runs, and those of one suite by run."""

    suite: str
    runs: list[Row]
    evaluations: dict[str, Row]
    suites: dict[str, Row]
    pairs: dict[str, list[Row]]
    flags: dict[str, list[Row]]

    @classmethod
    def of(cls, store: Store, suite: str) -> "_Rows":
        found = {name: store.query(sql).to_pylist() for name, sql in _queries(suite).items()}
        return cls(
            suite=suite,
            runs=found["runs"],
            evaluations={row["run"]: row for row in found["evaluations"]},
            suites={row["run"]: row for row in found["suites"]},
            pairs=_by_run(found["pairs"]),
            flags=_by_run(found["flags"]),
        )


def _queries(suite: str) -> dict[str, str]:
    named, measures = literal(suite), ", ".join(map(identifier, ROBUSTNESS))
    return {
        "runs": "SELECT * FROM runs",
        "evaluations": "SELECT run, elbo, images FROM evaluations",
        "suites": f"SELECT * FROM suites WHERE suite = {named}",
        "pairs": "SELECT run, pair, input_index, target_index, told_apart, told_apart_distortion, "
        f"{measures} FROM pairs WHERE suite = {named} ORDER BY run, pair",
        "flags": f"SELECT run, name, raised, detail FROM flags WHERE suite = {named}",
    }


def _by_run(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["run"], []).append(row)
    return found


def _suite(store: Store, wanted: str | None) -> str:
    rows = store.query("SELECT suite, strength, loss, layers, finished FROM suites").to_pylist()
    known = {row["suite"]: row for row in rows}
    if wanted is not None:
        one_of("suite", wanted, known)
        return wanted

    def rank(name: str) -> tuple[Any, ...]:
        measured = sum(row["finished"] for row in rows if row["suite"] == name)
        return suite_rank(name, measured, known[name])

    return min(known, key=rank, default="")


def _score(run: Row, presets: Sequence[str], rows: _Rows) -> Score:
    name = run["run"]
    elbo, suite = rows.evaluations[name]["elbo"], rows.suites.get(name)
    pairs = rows.pairs.get(name, [])
    seed = 0 if suite is None else suite["seed"]
    return Score(
        run=name,
        index=presets.index(run["preset"]),
        settings=run,
        elbo=elbo if elbo is not None and math.isfinite(elbo) else None,
        pairs=pairs,
        robustness={measure: _over(pairs, measure, seed) for measure in ROBUSTNESS},
        trust=judged(rows.flags.get(name), suite["strength"] if suite else None),
    )


def _over(pairs: Sequence[Row], measure: str, seed: int) -> Estimate:
    declared = PAIR_MEASURES[measure]
    known = [pair[measure] for pair in pairs if declared.counts(pair)]
    return estimate([value for value in known if value is not None], declared.mean, seed=seed)


def _group(title: str, scores: Sequence[Score], rows: _Rows, against: str | None) -> Group:
    placed = [score for score in scores if any(map(score.place, ROBUSTNESS))]
    placed.sort(key=_gap, reverse=True)
    others = [score for score in scores if score not in placed]
    reference = _reference(placed, against)
    fronts = {measure: _front(placed, measure) for measure in ROBUSTNESS}
    unflagged = [score for score in placed if not score.flagged]
    unflagged_fronts = {measure: _front(unflagged, measure) for measure in ROBUSTNESS}
    return Group(
        title=title,
        data=scores[0].settings["data"],
        scores=[
            replace(
                score,
                difference={m: _difference(score, reference, m) for m in ROBUSTNESS},
                on_front={m: score.run in fronts[m] for m in ROBUSTNESS},
                on_unflagged_front={m: score.run in unflagged_fronts[m] for m in ROBUSTNESS},
            )
            for score in placed
        ],
        lacking=[(score.run, _lacks(score)) for score in others],
        reference=reference.run if reference is not None and len(placed) > 1 else None,
        caveats=_caveats([score.run for score in placed], rows),
    )


def _gap(score: Score) -> float:
    value = score.robustness[HEADLINE].value
    return -math.inf if value is None else value


def _reference(placed: Sequence[Score], against: str | None) -> Score | None:
    """The requested run, else the most robust one without raised flags."""
    requested = [score for score in placed if score.run == against]
    unflagged = [score for score in placed if not score.flagged]
    return next(iter([*requested, *unflagged, *placed]), None)


def _front(scores: Sequence[Score], measure: str) -> set[str]:
    places = {score.run: place for score in scores if (place := score.place(measure))}
    on_front = pareto_front(list(places.values()))
    return {run for run, on in zip(places, on_front, strict=True) if on}


def _difference(score: Score, reference: Score | None, measure: str) -> Estimate | None:
    if reference is None or reference.run == score.run:
        return None
    return compare_pairs(score.pairs, reference.pairs, measure)


def _lacks(score: Score) -> str:
    if not score.settings["finished"]:
        return "not trained to the end"
    lacks = []
    if score.elbo is None:
        lacks.append("not evaluated yet")
    if not score.pairs:
        lacks.append("not attacked and measured with this suite yet")
    elif all(found.value is None for found in score.robustness.values()):
        lacks.append("reconstructs the images of every pair alike, so robustness is undefined")
    return "; ".join(lacks)


def _caveats(runs: Sequence[str], rows: _Rows) -> list[str]:
    caveats = []
    attacked = [run for run in runs if run in rows.suites]
    for name in _EFFORT:
        values = differing({run: rows.suites[run][name] for run in attacked})
        if values:
            caveats.append(
                f"Attacked with different {name}: {values}. A weaker attack makes a model look "
                f"harder to fool."
            )
    values = differing({run: rows.evaluations[run]["images"] for run in runs})
    if values:
        caveats.append(f"ELBOs over different numbers of test images: {values}.")
    return caveats
