"""Means over trainings and pairs at once: every training of a kind of model meets the same pairs.

A model that is trained again, and a pair of images drawn anew, are two sources of chance. They are
crossed, so both are resampled: whole trainings, and whole pairs for all trainings alike. Resamples
of three trainings spread too little, so that their percentiles are expanded.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.evaluation.bootstrap import DRAWS, FEWEST, Kind, expansion
from seatbelt_vae.randomness import resampling_generator

__all__ = ["FEWEST_SEEDS", "CrossedEstimate", "Term", "crossed_contrast"]

FEWEST_SEEDS = 3
"""Trainings below which an interval speaks of these models only, not of their kind."""

_TAILS = (0.025, 0.975)

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Term:
    r"""One mean of a contrast.

    Args:
        weight: what it is multiplied with.
        kind_of_model: whose trainings they are; terms that share it are of the same trainings.
        values: one number a training and pair, :math:`(S, P)`; nan where a pair says nothing.
    """

    weight: float
    kind_of_model: Hashable
    values: Matrix


@dataclass(frozen=True)
class CrossedEstimate:
    """A contrast of means and its 95 % interval.

    Args:
        value: the contrast; a ratio if the means are geometric; None without any number.
        low, high: the expanded percentile interval; None where there is too little to resample.
        kind: of the means.
        seeds: trainings of the kind of model that has fewest.
        pairs: pairs that count in every term.
    """

    value: float | None
    low: float | None
    high: float | None
    kind: Kind
    seeds: int
    pairs: int

    @property
    def of_these_models_only(self) -> bool:
        """Whether too few trainings stand behind it to speak of their kind."""
        return self.seeds < FEWEST_SEEDS


def crossed_contrast(
    terms: Sequence[Term], kind: Kind = "arithmetic", *, draws: int = DRAWS, seed: int = 0
) -> CrossedEstimate:
    r"""A weighted sum of means over trainings and pairs, :math:`\sum_t w_t \bar v_t`.

    ``geometric`` gives :math:`\exp\sum_t w_t \overline{\log v_t}`, a ratio of geometric means if
    the weights are 1 and −1. The interval resamples the trainings of each kind of model and,
    jointly in all terms, the pairs; with fewer than three trainings only the pairs (Efron 1979;
    crossed designs: Owen 2007). Its ends are moved away from the value by the factor by which the
    percentiles of so few things are too narrow, see `expansion`. A pair that is nan in any term is
    left out of all; if fewer than ten are left there is no interval. A training with one number
    has no pairs to resample.

    Args:
        terms: the means; all over the same pairs.
        kind: arithmetic or geometric means.
        draws: resamples.
        seed: seed of the resampling.

    Raises:
        ShapeError: terms of other pairs, or of one kind of model with other trainings.
        ConfigError: a geometric mean of numbers that are not all positive.

    Example:
        >>> first, second = np.array([[3.0, 5.0]]), np.array([[1.0, 2.0]])
        >>> crossed_contrast([Term(1, "a", first), Term(-1, "b", second)]).value
        2.5
    """
    _check(terms)
    told = ~np.any([np.isnan(term.values).any(0) for term in terms], axis=0)
    matrices = [_scaled(term.values[:, told], kind) for term in terms]
    seeds = {term.kind_of_model: len(term.values) for term in terms}
    fewest, pairs = min(seeds.values()), int(told.sum())
    if not pairs or not fewest:
        return CrossedEstimate(None, None, None, kind, fewest, pairs)
    value = sum(t.weight * float(m.mean()) for t, m in zip(terms, matrices, strict=True))
    low = high = None
    if pairs >= FEWEST or (len(told) == 1 and fewest >= FEWEST_SEEDS):
        resampled = _resample(terms, matrices, seeds, pairs, draws, seed)
        wider = expansion(_sources(terms, matrices, seeds, pairs))
        low, high = (
            _unscaled(value + wider * (float(q) - value), kind)
            for q in np.quantile(resampled, _TAILS)
        )
    return CrossedEstimate(_unscaled(value, kind), low, high, kind, fewest, pairs)


def _sources(
    terms: Sequence[Term],
    matrices: Sequence[Matrix],
    seeds: Mapping[Hashable, int],
    pairs: int,
) -> list[tuple[float, int]]:
    """What each source of chance that is resampled adds to the variance of the resamples."""
    weighted = [(t.kind_of_model, t.weight * m) for t, m in zip(terms, matrices, strict=True)]
    sources = []
    for model, count in seeds.items():
        if count >= FEWEST_SEEDS:
            own = sum(matrix.mean(1) for kind, matrix in weighted if kind == model)
            sources.append((float(np.var(own)) / count, count))
    if pairs >= FEWEST:
        sources.append((float(np.var(sum(m.mean(0) for _, m in weighted))) / pairs, pairs))
    return sources


def _check(terms: Sequence[Term]) -> None:
    counts = {term.values.shape[1] for term in terms}
    if len(counts) != 1:
        raise ShapeError(
            f"terms over {', '.join(map(str, sorted(counts)))} pairs, expected the same pairs in "
            f"all: attack every model with the same pairs and seed"
        )
    for term in terms:
        others = {len(t.values) for t in terms if t.kind_of_model == term.kind_of_model}
        if len(others) != 1:
            raise ShapeError(
                f"{term.kind_of_model} has {' and '.join(map(str, sorted(others)))} trainings, "
                f"expected the same in every term: attack all of them"
            )


def _resample(
    terms: Sequence[Term],
    matrices: Sequence[Matrix],
    seeds: Mapping[Hashable, int],
    pairs: int,
    draws: int,
    seed: int,
) -> Matrix:
    """The contrast in every resample; how often each training and pair was drawn weighs it."""
    generator = resampling_generator(seed)
    columns = _counts(generator, draws, pairs, pairs >= FEWEST)
    # every kind of model is resampled once, whatever the number of terms it is in
    rows = {
        model: _counts(generator, draws, count, count >= FEWEST_SEEDS)
        for model, count in seeds.items()
    }
    contrast = np.zeros(draws)
    for term, matrix in zip(terms, matrices, strict=True):
        sums = ((rows[term.kind_of_model] @ matrix) * columns).sum(1)
        contrast += term.weight * sums / matrix.size
    return contrast


def _counts(generator: np.random.Generator, draws: int, count: int, resampled: bool) -> Matrix:
    """How often each of ``count`` things is drawn; too few to tell are all kept."""
    if not resampled:
        return np.ones((draws, count))
    drawn = generator.multinomial(count, np.full(count, 1 / count), size=draws)
    return drawn.astype(np.float64)


def _scaled(values: Matrix, kind: Kind) -> Matrix:
    if kind == "arithmetic":
        return values
    if not (values > 0).all():
        raise ConfigError("ratio of numbers that are not all positive: use the arithmetic kind")
    return np.log(values)


def _unscaled(value: float, kind: Kind) -> float:
    return value if kind == "arithmetic" else float(np.exp(value))
