"""C9: the rank correlation of disentanglement and robustness over models."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.evaluation.bootstrap import DRAWS, FEWEST
from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate
from seatbelt_vae.paper.claims.claim import Answer, Claim, Verdict
from seatbelt_vae.paper.claims.contrast import Contrast, Effect, ModelMean
from seatbelt_vae.paper.figure_kinds import Scatter
from seatbelt_vae.paper.quantities import EVALUATED_PAIRS, GAP
from seatbelt_vae.randomness import resampling_generator
from seatbelt_vae.results import Store

__all__ = ["C9", "PUBLIC_C9", "answer_rank_correlation", "rank_correlation"]

_WEAK = 0.5
"""The largest |ρ| that counts as no simple relation."""

Vector = NDArray[np.float64]


def _c9(experiment: str) -> Claim:
    terms = (ModelMean(1, "all models", "most"),)
    relations = {"gap within ε = 0.2": GAP, "Δ": "delta_mean"}
    return Claim(
        "C9",
        "there is no simple relation between MIG and robustness",
        tuple(
            Contrast(
                f"rank correlation of MIG and {measure}",
                experiment,
                value,
                terms,
                strength="strong",
                source=EVALUATED_PAIRS,
            )
            for measure, value in relations.items()
        ),
    )


C9, PUBLIC_C9 = _c9("figE11"), _c9("public")


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
    rho = float(_spearman(x, y))
    low = high = None
    if count >= FEWEST:
        chosen = resampling_generator(seed).integers(0, count, (draws, count))
        resampled = _spearman(x[chosen], y[chosen])
        if not np.isnan(resampled).all():
            low, high = (float(q) for q in np.nanquantile(resampled, (0.025, 0.975)))
    value = None if np.isnan(rho) else rho
    return CrossedEstimate(value, low, high, "arithmetic", seeds=count, pairs=pairs)


def _spearman(x: Vector, y: Vector) -> Vector:
    """Correlation of the ranks along the last dimension; nan if one side is constant."""
    from scipy.stats import rankdata

    a, b = (rankdata(values, axis=-1) - (x.shape[-1] + 1) / 2 for values in (x, y))
    scale = np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
    correlation: Vector = np.divide(
        (a * b).sum(-1), scale, out=np.full_like(scale, np.nan), where=scale > 0
    )
    return correlation


def answer_rank_correlation(store: Store, claim: Claim = C9) -> Answer:
    """Answer C9 on each data set; data sets with ten models or more decide.

    *Reproduced*: the interval of every rank correlation is within ±0.5. *Not reproduced*: one
    correlation is stronger than that and its interval excludes 0. Otherwise *undecided*.
    """
    effects: dict[str, list[Effect]] = {}
    for contrast in claim.contrasts:
        figure = Scatter("", "mig", contrast.value, "", "", where=contrast.where)
        query = figure.query(contrast.experiment, contrast.strength)
        for data, (x, y, pairs) in _by_model(store.query(query).to_pylist()).items():
            effect = Effect(contrast, rank_correlation(x, y, pairs), None, (query,))
            effects.setdefault(data, []).append(effect)
    by_data = {data: _verdict(on_data) for data, on_data in effects.items()}
    deciding = [d for d, on_data in effects.items() if all(e.interval for e in on_data)]
    verdicts = {by_data[data] for data in deciding}
    if len(verdicts) == 1:
        return Answer(claim, verdicts.pop(), f"on {', '.join(sorted(deciding))}", by_data, effects)
    why = "the data sets disagree" if verdicts else f"fewer than {FEWEST} models per data set"
    return Answer(claim, "undecided", why, by_data, effects)


def _by_model(rows: list[Mapping[str, object]]) -> dict[str, tuple[Vector, Vector, int]]:
    """MIG and mean measure of each model of a data set, and the fewest pairs of a mean."""
    values: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for row in rows:
        if isinstance(row["x"], float) and isinstance(row["y"], float):
            runs = values.setdefault(str(row["panel"]), {})
            runs.setdefault(str(row["run"]), []).append((row["x"], row["y"]))
    models = {}
    for data, runs in values.items():
        x, y = np.array([np.mean(numbers, axis=0) for numbers in runs.values()]).T
        models[data] = x, y, min(map(len, runs.values()))
    return models


def _verdict(effects: list[Effect]) -> Verdict:
    intervals = [effect.interval for effect in effects if effect.interval is not None]
    if len(intervals) < len(effects):
        return "undecided"
    if all(low > -_WEAK and high < _WEAK for low, high in intervals):
        return "reproduced"
    if any(
        (low > 0 or high < 0) and abs(effect.estimate.value or 0.0) > _WEAK
        for effect, (low, high) in zip(effects, intervals, strict=True)
    ):
        return "not reproduced"
    return "undecided"
