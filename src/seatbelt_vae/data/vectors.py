"""Sets of vectors: rows of numbers without bounds, held in memory."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data.dataset import Factor, ImageData, Indices, Split, random_split
from seatbelt_vae.errors import DataError

__all__ = ["vector_set"]

Features = NDArray[np.float64]

_FAR = 10.0


def vector_set(
    place: Path | str,
    features: Features,
    labels: NDArray[Any] | None,
    config: DataConfig,
    test_from: int | None = None,
) -> ImageData:
    """Rows as float32 vectors without bounds; labels become a factor.

    Rows with a missing or infinite value are left out. ``standardise`` subtracts the mean of the
    training rows and divides by their standard deviation; a constant column becomes 0.

    Args:
        place: origin of the rows, for error messages.
        features: rows :math:`(N, n)`.
        labels: :math:`(N)`, numbers or texts.
        config: the settings.
        test_from: index of the first test row (default: a random tenth is the test split).

    Raises:
        DataError: fewer than two complete rows, or none in one split.
    """
    # float32 must hold the values
    good = np.asarray((np.abs(features) <= np.finfo(np.float32).max).all(axis=1))
    if test_from is not None:
        test_from = int(good[:test_from].sum())
    values, classes = features[good], None if labels is None else labels[good]
    notes = list(_left_out(good))
    if len(values) < 2 or test_from in (0, len(values)):
        reason = "".join(f" ({note})" for note in notes)
        raise DataError(
            f"{place} has {len(values)} complete rows{reason}: give at least 2 to split"
        )
    distinct, coded = (None, None) if classes is None else np.unique(classes, return_inverse=True)
    train, test = _split(_Rows(values, coded), config, test_from)
    mean, deviation = values[train.indices].mean(0), values[train.indices].std(0)
    notes += _outliers(values, mean, deviation)
    if config.standardise:
        values = (values - mean) / np.where(deviation > 0, deviation, 1)
        train, test = _split(_Rows(values, coded), config, test_from)
    return ImageData(
        config.name,
        (-np.inf, np.inf),
        (values.shape[1],),
        train,
        test,
        () if distinct is None else (_factor(distinct),),
        tuple(notes),
        digest=hashlib.sha256(values.astype(np.float32).data).hexdigest(),
    )


@dataclass(frozen=True)
class _Rows:
    """Values (N, n), and the number of the class of each, if known."""

    values: Features
    classes: NDArray[np.int64] | None

    def read(self, indices: Indices) -> NDArray[np.float32]:
        """The values of some rows."""
        found: NDArray[np.float32] = self.values[indices].astype(np.float32)
        return found

    def factors_of(self, indices: Indices) -> NDArray[np.int64]:
        """The classes of some rows, as factors."""
        assert self.classes is not None
        return self.classes[indices].astype(np.int64)[:, None]


def _split(rows: _Rows, config: DataConfig, test_from: int | None) -> tuple[Split, Split]:
    """The training and the test rows."""
    count, known = len(rows.values), None if rows.classes is None else rows.factors_of
    if test_from is None:
        return random_split(count, rows.read, known, config.images)
    whole = Split(np.arange(count), rows.read, known)
    train = replace(whole, indices=whole.indices[:test_from]).first(config.images)
    return train, replace(whole, indices=whole.indices[test_from:])


def _left_out(good: NDArray[np.bool_]) -> Iterator[str]:
    if not good.all():
        yield (
            f"{(~good).sum()} of {len(good)} rows left out, whose values are missing, infinite or "
            f"too large for float32, first row {int((~good).argmax())}"
        )


def _outliers(values: Features, mean: Features, deviation: Features) -> Iterator[str]:
    far = (np.abs(values - mean) > _FAR * deviation) & (deviation > 0)
    rows = far.any(axis=1)
    if rows.any():
        row = int(rows.argmax())
        yield (
            f"{rows.sum()} rows have a value more than {_FAR:g} standard deviations from the mean "
            f"of its column, first row {row}, column {int(far[row].argmax())}"
        )


def _factor(distinct: NDArray[Any]) -> Factor:
    if np.array_equal(distinct, np.arange(len(distinct))):
        return Factor("class", len(distinct))
    return Factor.named("class", map(str, distinct.tolist()))
