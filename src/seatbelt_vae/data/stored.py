"""Sets whose images lie as bytes in one cache file, with the factors of each beside it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data.cache import Records, cache_folder
from seatbelt_vae.data.dataset import Factor, ImageData, Indices, Split, random_split
from seatbelt_vae.errors import DataError
from seatbelt_vae.runs.digest import digest_of

__all__ = ["cache_of", "image_record", "stored_set"]


def cache_of(name: str, files: Iterable[Path], **settings: object) -> Path:
    """The cache file of a set made of files; other files or settings give another name.

    Args:
        name: the set's.
        files: what it is made of, known by their paths, sizes and times of change.
        settings: all else that decides its contents, as JSON has it.

    Raises:
        DataError: a file may not be looked at.
    """
    try:
        found = [(str(path), (now := path.stat()).st_size, now.st_mtime_ns) for path in files]
    except OSError as error:
        raise DataError(
            f"cannot look at {error.filename}: {error.strerror}; make it readable"
        ) from error
    return cache_folder() / f"{name}-{digest_of([found, settings])}.records"


def image_record(image_shape: tuple[int, int, int], factors: int = 0) -> np.dtype[Any]:
    """The record of one example: ``image`` (C, H, W) as bytes, ``factors`` (F)."""
    return np.dtype([("image", np.uint8, image_shape), ("factors", "<i4", (factors,))])


def stored_set(
    name: str,
    records: Records,
    factors: tuple[Factor, ...],
    config: DataConfig,
    test_from: int | None = None,
) -> ImageData:
    """The set that records of `image_record` hold, bytes 0 … 255 as values -1 … 1.

    Args:
        name: the set's.
        records: from its cache file.
        factors: what the records' factors are.
        config: the settings it was asked for with.
        test_from: records from this one on are the test split (default: a tenth, at random).

    Raises:
        DataError: no image, or fewer training images than asked for.
    """
    images, values = records.rows["image"], records.rows["factors"]

    def read(indices: Indices) -> NDArray[np.float32]:
        pixels: NDArray[np.float32] = images[indices].astype(np.float32)
        pixels /= 127.5
        pixels -= 1
        return pixels

    def factors_of(indices: Indices) -> NDArray[np.int64]:
        return values[indices].astype(np.int64)

    known = factors_of if factors else None
    if test_from is None:
        train, test = random_split(len(images), read, known, config.images)
    else:
        wanted = test_from if config.images is None else config.images
        if wanted > test_from:
            raise DataError(
                f"{wanted} training images asked for, the set has {test_from}: ask for 1 to that "
                f"many"
            )
        train = Split(np.arange(wanted), read, known)
        test = Split(np.arange(test_from, len(images)), read, known)
    low, high = -1.0, 1.0
    return ImageData(name, (low, high), images.shape[1:], train, test, factors)
