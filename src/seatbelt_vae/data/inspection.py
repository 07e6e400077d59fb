"""List, prepare and check data sets; nothing is printed."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data.loading import load_data
from seatbelt_vae.data.registry import DATA_SETS, source_of
from seatbelt_vae.errors import DataError

if TYPE_CHECKING:
    from seatbelt_vae.data.dataset import ImageData, Split

__all__ = ["Check", "Listed", "Prepared", "check", "list_sets", "prepare"]

_LOOKED_AT = 10_000


@dataclass(frozen=True)
class Listed:
    """A known data set and its state on this machine.

    Args:
        name: a key of `DATA_SETS`.
        summary: its images and factors, in one line.
        origin: where its files come from.
        state: ready, how it is prepared on first use, or the reason it is missing.
    """

    name: str
    summary: str
    origin: str
    state: str


@dataclass(frozen=True)
class Prepared:
    """A prepared set and a picture of it.

    Args:
        data: the set.
        contact_sheet: a PNG of random images.
    """

    data: "ImageData"
    contact_sheet: bytes


@dataclass(frozen=True)
class Check:
    """The result of a check of a set.

    Args:
        train, test: number of images.
        image_shape: (C, H, W).
        smallest, largest: range of the sampled values.
        classes: numbers of training and test images of each value of each factor.
        problems: one line per problem.
        notes: those of `ImageData`, and the number of held-out images that equal a training image.
        credits: as of `ImageData`.
    """

    train: int
    test: int
    image_shape: tuple[int, ...]
    smallest: float
    largest: float
    problems: tuple[str, ...]
    classes: dict[str, dict[str, tuple[int, int]]]
    notes: tuple[str, ...] = ()
    credits: tuple[str, ...] = ()


def list_sets(root: str | Path | None = None) -> tuple[Listed, ...]:
    """All known sets and their states; nothing is drawn or loaded.

    Example:
        >>> {entry.name: entry.state for entry in list_sets()}["swiss-roll"]
        'ready'
    """
    return tuple(
        Listed(name, source.summary, source.origin, _state(name, root))
        for name, source in DATA_SETS.items()
    )


def prepare(
    name: str,
    root: str | Path | None = None,
    image_size: int | None = None,
    *,
    download: bool = False,
    **reading: Any,
) -> Prepared:
    """Prepare a set (draw, read and cache it) and make a contact sheet.

    Args:
        name, root, image_size, reading: as for `load_data`.
        download: download the set first; only for downloadable sets.

    Raises:
        DataError: as `load_data`; or the set cannot be downloaded.
    """
    from seatbelt_vae.data.contact_sheet import contact_sheet

    if download:
        config = DataConfig(name, None if root is None else str(root))
        source = source_of(config)
        if not source.downloadable:
            raise DataError(f"{name!r} is not downloaded ({source.origin}): leave download out")
        source.download(config)
    data = load_data(name, root, image_size=image_size, **reading)
    return Prepared(data, contact_sheet(data))


def check(
    name: str,
    root: str | Path | None = None,
    image_size: int | None = None,
    **reading: Any,
) -> Check:
    """Load a set and check a sample of both splits.

    Raises:
        DataError: as `load_data`.
    """
    import numpy as np

    data = load_data(name, root, image_size=image_size, **reading)
    seen = [_Seen.of(data, split) for split in (data.train, data.test)]
    problems = dict.fromkeys(problem for part in seen for problem in part.problems)
    if np.isin(data.train.indices, data.test.indices).any():
        problems["train and test share images"] = None
    return Check(
        train=len(data.train),
        test=len(data.test),
        image_shape=data.image_shape,
        smallest=min(part.smallest for part in seen),
        largest=max(part.largest for part in seen),
        problems=tuple(problems),
        classes=_classes(data),
        notes=data.notes + _shared(data),
        credits=data.credits,
    )


def _classes(data: "ImageData") -> dict[str, dict[str, tuple[int, int]]]:
    import numpy as np

    if data.train.factors_of is None or data.test.factors_of is None:
        return {}
    splits = [split.factors(np.arange(len(split))) for split in (data.train, data.test)]
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for column, factor in enumerate(data.factors):
        train, test = (np.bincount(rows[:, column], minlength=factor.size) for rows in splits)
        names = factor.values or map(str, range(factor.size))
        counts = zip(train.tolist(), test.tolist(), strict=True)
        found[factor.name] = dict(zip(names, counts, strict=True))
    return found


def _shared(data: "ImageData") -> tuple[str, ...]:
    """A note on held-out images that equal a training image."""
    import numpy as np

    from seatbelt_vae.data.identity import fingerprints

    count = np.isin(fingerprints(data.test), fingerprints(data.train)).sum()
    return (f"{count:,} held-out images equal a training image",) if count else ()


def _state(name: str, root: str | Path | None) -> str:
    config = DataConfig(name, None if root is None else str(root))
    try:
        return source_of(config).state(config)
    except DataError as error:
        return str(error)


@dataclass(frozen=True)
class _Seen:
    """The range and the problems of a sample of one split."""

    smallest: float
    largest: float
    problems: tuple[str, ...]

    @classmethod
    def of(cls, data: "ImageData", split: "Split") -> "_Seen":
        import numpy as np

        count = min(_LOOKED_AT, len(split))
        images = split.batch(np.linspace(0, len(split) - 1, count).astype(np.int64))
        finite = images[images.isfinite()]
        smallest = float(finite.min()) if len(finite) else math.nan
        largest = float(finite.max()) if len(finite) else math.nan
        low, high = data.bounds
        problems = []
        if tuple(images.shape) != (count, *data.image_shape):
            problems.append(
                f"images of shape {tuple(images.shape[1:])}, expected {data.image_shape}"
            )
        if len(finite) < images.numel():
            problems.append("values that are not finite")
        if smallest < low or largest > high:
            problems.append(f"values outside the bounds [{low:g}, {high:g}]")
        if smallest == largest:
            problems.append(f"every value is {smallest:g}: there is nothing to learn")
        return cls(smallest, largest, tuple(problems))
