"""The results of the frontier in sentences, one list per data set."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seatbelt_vae.paper.experiment import Experiment
from seatbelt_vae.paper.front import COSTS, Kind, kinds_of, places
from seatbelt_vae.paper.frontier import DefenceFigure
from seatbelt_vae.report.tables import number
from seatbelt_vae.results import Store

__all__ = ["Findings", "findings_of", "sentences"]

_EPSILON = 0.2
_LOSSES = (0.0, 0.01, 0.02, 0.05)
_PLAIN = "VAE"
_NAMES = {"elbo": "ELBO", "unexplained_variance": "unexplained variance"}


@dataclass(frozen=True)
class Findings:
    """The results on one data set.

    Args:
        panel: the data set.
        sentences: its results.
    """

    panel: str
    sentences: tuple[str, ...]


def findings_of(experiments: Sequence[Experiment], store: Store) -> list[Findings]:
    """The findings of the experiments that draw a frontier.

    Args:
        experiments: the experiments.
        store: a results store with the view ``members``.
    """
    figures = [(e.id, f) for e in experiments for f in e.figures if isinstance(f, DefenceFigure)]
    if not figures:
        return []
    experiment, figure = figures[0]
    kinds = kinds_of(store.query(figure.query(experiment)).to_pylist(), figure.order)
    panels = dict.fromkeys(kind.panel for kind in kinds)
    return [Findings(p, tuple(sentences([k for k in kinds if k.panel == p]))) for p in panels]


def sentences(kinds: Sequence[Kind]) -> Iterator[str]:
    """The front, the kinds above the identity and pPCA, and the price, at ε = 0.2.

    Args:
        kinds: the kinds of models of one data set, with linear references.
    """
    models = [kind for kind in kinds if not kind.is_linear]
    for measure in COSTS:
        found = places(models, _EPSILON, measure)
        on = [kind for kind in models if found.get(kind.series) == "front"]
        listed = _list(f"{k.series} ({_gap(k)})" for k in on)
        yield f"On the front of gap@{_EPSILON:g} against {_NAMES[measure]}: {listed}."
        if perhaps := [series for series, place in found.items() if place == "perhaps"]:
            yield f"Dominated there, but within the intervals: {_list(perhaps)}."
    if undefined := [kind.series for kind in models if _gap_of(kind) is None]:
        yield f"Without a gap, because no pair is told apart: {_list(undefined)}."
    yield from _above_copy(models)
    yield from _above_linear(kinds)
    yield from _price(models)


def _above_copy(models: Sequence[Kind]) -> Iterator[str]:
    line = 1 - _EPSILON
    above = {k.series: k.gap[_EPSILON].low for k in models if (_gap_of(k) or 0.0) > line}
    surely = [series for series, low in above.items() if low is not None and low > line]
    yield f"Above a copy of the input, {line:g}: {_list(surely)}."
    if perhaps := [series for series in above if series not in surely]:
        yield f"Above it in the mean, but not by the interval: {_list(perhaps)}."


def _above_linear(kinds: Sequence[Kind]) -> Iterator[str]:
    """The kinds above pPCA, linear between the numbers of units."""
    curve = sorted(place for k in kinds if k.is_linear and (place := _plane(k)))
    if not curve:
        return
    above = [
        kind.series
        for kind in kinds
        if not kind.is_linear
        and (place := _plane(kind))
        and curve[0][0] <= place[0] <= curve[-1][0]
        and place[1] > float(np.interp(place[0], *np.array(curve).T))
    ]
    yield f"Above pPCA at equal unexplained variance: {_list(above)}."


def _plane(kind: Kind) -> tuple[float, float] | None:
    """Unexplained variance and gap."""
    place = kind.position(_EPSILON, "unexplained_variance")
    return None if place is None else (-place[0], place[1])


def _price(models: Sequence[Kind]) -> Iterator[str]:
    """The largest gap at each loss of ELBO against the plain VAE, if that has a gap."""
    elbos = {kind: kind.cost["elbo"].value for kind in models}
    plain = next((elbos[k] for k in models if k.series == _PLAIN and _gap_of(k)), None)
    if plain is None:
        return
    best: dict[float, Kind] = {}
    for loss in _LOSSES:
        least = plain - loss * abs(plain)
        allowed = [k for k, elbo in elbos.items() if elbo is not None and elbo >= least]
        best[loss] = max(allowed, key=lambda kind: _gap_of(kind) or 0.0)
    parts = (f"{_gap(k)} ({k.series}) at {100 * loss:g} %" for loss, k in best.items())
    yield f"Largest gap@{_EPSILON:g} by loss of ELBO against the plain VAE: {_list(parts)}."


def _gap_of(kind: Kind) -> float | None:
    return kind.gap[_EPSILON].value if _EPSILON in kind.gap else None


def _gap(kind: Kind) -> str:
    return number(_gap_of(kind))


def _list(words: Iterable[str]) -> str:
    return "; ".join(words) or "none"
