"""C9: whether disentanglement tells how hard a model is to fool, by ranks over models."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.evaluation.bootstrap import DRAWS, FEWEST
from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate
from seatbelt_vae.paper.claims.claim import Answer, Claim, Verdict
from seatbelt_vae.paper.claims.contrast import Contrast, Found, Of
from seatbelt_vae.paper.figures import GAP, Scatter
from seatbelt_vae.randomness import resampling_generator
from seatbelt_vae.results import Store

__all__ = ["C9", "answer_of_relation", "rank_correlation"]

_WEAK = 0.5
"""|ρ| below which ranks of one are no guide to ranks of the other."""

_SOURCE = "pairs USING (run) JOIN suites USING (run, suite) JOIN evaluations USING (run)"

Vector = NDArray[np.float64]


def _relation(words: str, value: str) -> Contrast:
    terms = (Of(1, "all models", "most"),)
    return Contrast(words, "figE11", value, terms, protocol="strong", source=_SOURCE)


C9 = Claim(
    "C9",
    "there is no simple relation between MIG and robustness",
    (
        _relation("rank correlation of MIG and gap within ε = 0.2", GAP),
        _relation("rank correlation of MIG and Δ", "delta_mean"),
    ),
)


def rank_correlation(
    x: Vector, y: Vector, pairs: int = 1, *, draws: int = DRAWS, seed: int = 0
) -> CrossedEstimate:
    r"""Spearman's :math:`\rho` over models, with the percentile interval of resampled models.

    Args:
        x, y: one number per model.
        pairs: number of pairs of images that each number is a mean over.
        draws: number of resamples.
        seed: seed of the resampling.

    Example:
        >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 9.0])).value
        1.0
    """
    count = len(x)
    value = float(_spearman(x, y))
    low = high = None
    if count >= FEWEST:
        chosen = resampling_generator(seed).integers(0, count, (draws, count))
        found = _spearman(x[chosen], y[chosen])
        if not np.isnan(found).all():
            low, high = (float(q) for q in np.nanquantile(found, (0.025, 0.975)))
    known = None if np.isnan(value) else value
    return CrossedEstimate(known, low, high, "arithmetic", seeds=count, pairs=pairs)


def _spearman(x: Vector, y: Vector) -> Vector:
    """Correlation of the ranks along the last dimension; nan where one side is constant."""
    from scipy.stats import rankdata

    a, b = (rankdata(values, axis=-1) - (x.shape[-1] + 1) / 2 for values in (x, y))
    scale = np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
    correlation: Vector = np.divide(
        (a * b).sum(-1), scale, out=np.full_like(scale, np.nan), where=scale > 0
    )
    return correlation


def answer_of_relation(store: Store) -> Answer:
    """The answer to C9 on each data set; which decide those with ten models or more.

    *Reproduced* if the interval of every rank correlation lies within ±0.5, *not reproduced* if one
    lies outside 0 beyond chance and is stronger than that; else *undecided*.
    """
    found: dict[str, list[Found]] = {}
    for relation in C9.contrasts:
        query = Scatter("", "mig", relation.value, ("", ""), _SOURCE, where=relation.where).query(
            relation.experiment, relation.protocol
        )
        for data, (x, y, pairs) in _by_model(store.query(query).to_pylist()).items():
            estimate = rank_correlation(x, y, pairs)
            found.setdefault(data, []).append(Found(relation, estimate, None, (query,)))
    by_data = {data: _verdict(estimates) for data, estimates in found.items()}
    deciding = [d for d, all_found in found.items() if all(f.interval for f in all_found)]
    verdicts = {by_data[data] for data in deciding}
    if len(verdicts) == 1:
        return Answer(C9, verdicts.pop(), f"on {', '.join(sorted(deciding))}", by_data, found)
    why = "the data sets disagree" if verdicts else f"fewer than {FEWEST} models a data set"
    return Answer(C9, "undecided", why, by_data, found)


def _by_model(rows: list[Mapping[str, object]]) -> dict[str, tuple[Vector, Vector, int]]:
    """MIG, the mean over pairs, and the fewest pairs, of the models of a data set with both."""
    values: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for row in rows:
        if isinstance(row["x"], float) and isinstance(row["y"], float):
            runs = values.setdefault(str(row["panel"]), {})
            runs.setdefault(str(row["run"]), []).append((row["x"], row["y"]))
    found = {}
    for data, runs in values.items():
        means = np.array([np.mean(numbers, axis=0) for numbers in runs.values()])
        found[data] = means[:, 0], means[:, 1], min(map(len, runs.values()))
    return found


def _verdict(found: list[Found]) -> Verdict:
    intervals = [f.interval for f in found]
    if any(interval is None for interval in intervals):
        return "undecided"
    known = [interval for interval in intervals if interval is not None]
    if all(low > -_WEAK and high < _WEAK for low, high in known):
        return "reproduced"
    if any(
        (low > 0 or high < 0) and abs(f.estimate.value or 0.0) > _WEAK
        for f, (low, high) in zip(found, known, strict=True)
    ):
        return "not reproduced"
    return "undecided"
