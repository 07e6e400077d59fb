"""Contrasts of means over crossed trainings and pairs, with bootstrap intervals over both.

Every training of a kind of model is attacked on the same pairs. Trainings and pairs are two sources
of variation, and both are resampled: whole trainings, and whole pairs jointly for all trainings.
Resamples of few trainings vary too little, so the percentiles are expanded.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.errors import ShapeError
from seatbelt_vae.evaluation.bootstrap import (
    DRAWS,
    FEWEST,
    MeanKind,
    check_positive,
    expansion,
    unscale,
)
from seatbelt_vae.randomness import resampling_generator

__all__ = ["FEWEST_SEEDS", "CrossedEstimate", "Term", "crossed_contrast"]

FEWEST_SEEDS = 3
"""Fewest trainings that are resampled; with fewer, an interval covers the trained models only."""

_TAILS = (0.025, 0.975)

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Term:
    r"""One mean of a contrast.

    Args:
        weight: factor of the mean.
        kind_of_model: identifies the trainings; terms of one kind have the same trainings.
        values: one number per training and pair, :math:`(S, P)`; nan where a pair has none.
    """

    weight: float
    kind_of_model: Hashable
    values: Matrix


@dataclass(frozen=True)
class CrossedEstimate:
    """A contrast of means and its 95 % interval.

    Args:
        value: the contrast, or a ratio of geometric means; None without any number.
        low, high: the expanded percentile interval; None with too few trainings and pairs.
        kind: arithmetic or geometric means.
        seeds: fewest trainings of a kind of model.
        pairs: pairs with a number in every term.
        of_trainings, of_pairs: squared standard errors of the value, for a ratio of its logarithm,
            from each source; 0 if it is not resampled.
        joint: a wider interval, which holds together with those of other contrasts.
    """

    value: float | None
    low: float | None
    high: float | None
    kind: MeanKind
    seeds: int
    pairs: int
    of_trainings: float = 0.0
    of_pairs: float = 0.0
    joint: tuple[float, float] | None = None

    @property
    def of_these_models_only(self) -> bool:
        """Whether the interval covers these models only, because trainings are too few."""
        return self.seeds < FEWEST_SEEDS


def crossed_contrast(
    terms: Sequence[Term],
    kind: MeanKind = "arithmetic",
    *,
    comparisons: int = 1,
    draws: int = DRAWS,
    seed: int = 0,
) -> CrossedEstimate:
    r"""A weighted sum of means over trainings and pairs, :math:`\sum_t w_t \bar v_t`.

    ``geometric`` gives :math:`\exp\sum_t w_t \overline{\log v_t}`, a ratio of geometric means if
    the weights are 1 and −1. The interval resamples the trainings of each kind of model and,
    jointly in all terms, the pairs; with fewer than three trainings only the pairs (Efron 1979;
    crossed designs: Owen 2007). Its ends are moved outwards by the factor `expansion`. A pair that
    is nan in any term is left out of all; with fewer than ten there is no interval. If every
    training has one number only, the trainings alone are resampled.

    Args:
        terms: the means, all over the same pairs.
        kind: arithmetic or geometric means.
        comparisons: number m of joint intervals: each covers :math:`1 - 0.05/m` (Bonferroni).
        draws, seed: number and seed of the resamples.

    Raises:
        ShapeError: terms with different pairs, or with different trainings of one kind of model.
        ConfigError: a geometric mean of numbers that are not all positive.

    Example:
        >>> first, second = np.array([[3.0, 5.0]]), np.array([[1.0, 2.0]])
        >>> crossed_contrast([Term(1, "a", first), Term(-1, "b", second)]).value
        2.5
    """
    _check(terms)
    seeds = {term.kind_of_model: len(term.values) for term in terms}
    known = ~np.any([np.isnan(term.values).any(0) for term in terms], axis=0)
    matrices = _scaled([term.values[:, known] for term in terms], kind)
    fewest, pairs = min(seeds.values()), int(known.sum())
    if not pairs or not fewest:
        return CrossedEstimate(None, None, None, kind, fewest, pairs)
    value = sum(t.weight * float(m.mean()) for t, m in zip(terms, matrices, strict=True))
    of_trainings, of_pairs = _sources(terms, matrices, seeds, pairs)
    low = high = joint = None
    if pairs >= FEWEST or (len(known) == 1 and fewest >= FEWEST_SEEDS):
        ends = np.quantile(_resample(terms, matrices, seeds, pairs, draws, seed), _TAILS)
        shifts, sources = [float(end) - value for end in ends], [*of_trainings, *of_pairs]
        low, high = _moved(value, shifts, expansion(sources), kind)
        joint = _moved(value, shifts, expansion(sources, 1 - _TAILS[0] / comparisons), kind)
    value, errors = unscale(value, kind), (_error(of_trainings), _error(of_pairs))
    return CrossedEstimate(value, low, high, kind, fewest, pairs, *errors, joint)


def _scaled(matrices: list[Matrix], kind: MeanKind) -> list[Matrix]:
    """The numbers whose arithmetic means are taken."""
    if kind == "arithmetic":
        return matrices
    check_positive(*matrices)
    return [np.log(matrix) for matrix in matrices]


def _error(sources: Sequence[tuple[float, int]]) -> float:
    """The squared standard error of the means of sources, from the variance of resamples."""
    return sum(variance * count / (count - 1) for variance, count in sources)


def _moved(
    value: float, shifts: Sequence[float], wider: float, kind: MeanKind
) -> tuple[float, float]:
    """The interval whose ends are moved away from the value by a factor."""
    low, high = (unscale(value + wider * shift, kind) for shift in shifts)
    return low, high


def _sources(
    terms: Sequence[Term],
    matrices: Sequence[Matrix],
    seeds: Mapping[Hashable, int],
    pairs: int,
) -> tuple[list[tuple[float, int]], list[tuple[float, int]]]:
    """Variance of the resamples that each resampled source adds, and the size of the source.

    The trainings of each kind of model, and the pairs.
    """
    weighted = [(t.kind_of_model, t.weight * m) for t, m in zip(terms, matrices, strict=True)]
    of_trainings, of_pairs = [], []
    for model, count in seeds.items():
        if count >= FEWEST_SEEDS:
            means = sum(matrix.mean(1) for kind, matrix in weighted if kind == model)
            of_trainings.append((float(np.var(means)) / count, count))
    if pairs >= FEWEST:
        of_pairs.append((float(np.var(sum(m.mean(0) for _, m in weighted))) / pairs, pairs))
    return of_trainings, of_pairs


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
    """The contrast in every resample, weighed by the counts of trainings and pairs."""
    generator = resampling_generator(seed)
    columns = _counts(generator, draws, pairs, pairs >= FEWEST)
    # terms of one kind of model share the resamples of its trainings
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
    """How often each of ``count`` things is drawn; once each if they are not resampled."""
    if not resampled:
        return np.ones((draws, count))
    drawn = generator.multinomial(count, np.full(count, 1 / count), size=draws)
    return drawn.astype(np.float64)
