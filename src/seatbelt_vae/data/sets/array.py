"""Images and labels from a file of arrays: .npy, .npz, HDF5 or safetensors.

Bytes are kept. Values of other types are rounded to 256 levels, in blocks, when the set is
prepared.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import DataConfig, ReadingConfig
from seatbelt_vae.data.dataset import ImageData
from seatbelt_vae.data.image_records import About, image_record, read_set, write_set
from seatbelt_vae.data.preparation import Preparation
from seatbelt_vae.data.readers.array_files import ENDINGS, stored_arrays
from seatbelt_vae.data.readers.reading import reading
from seatbelt_vae.data.readers.stored_array import StoredArray
from seatbelt_vae.data.sets.array_axes import (
    LAYOUTS,
    channels_first,
    image_shape,
    layout_of,
    unflattened,
)
from seatbelt_vae.data.sets.array_labels import factors_of
from seatbelt_vae.data.sets.array_splits import joined
from seatbelt_vae.data.sets.array_values import coding_of
from seatbelt_vae.data.source import ARRAY_OPTIONS, Source
from seatbelt_vae.data.source_files import cache_of, check_inside
from seatbelt_vae.errors import DataError

__all__ = ["SOURCES", "load", "preparation", "records_of"]

SOURCES = {
    "array": Source(
        "images and labels in one .npy, .npz, .h5 or .safetensors file of your own",
        "read from --root, which may be the file or its folder",
        __name__,
        single_file=True,
        options=ARRAY_OPTIONS,
    ),
}

_VERSION = 4
_IMAGES = ("images", "imgs", "x", "data")
_IMAGE_NAMES = {*_IMAGES, *(f"{name}_{layout}" for name in _IMAGES for layout in LAYOUTS)}
_LABELS = {"labels", "label", "y", "targets", "target", "latents_classes"}


def load(config: DataConfig) -> ImageData:
    """Images at their own size or a fraction of it; labels become factors.

    Raises:
        DataError: no such file, arrays that are not images and labels as expected, or a size
            that is no fraction of the images' own.
    """
    return read_set(preparation(config).file(), config)


def preparation(config: DataConfig) -> Preparation:
    """The cache file of the arrays under root."""
    source = _source(config)

    def write(cache: Path) -> None:
        arrays = [_as_images(array) for array in stored_arrays(source)]
        record, blocks, about = records_of(source, tuple(array for array, _ in arrays), config)
        about = replace(about, notes=(*about.notes, *chain(*(notes for _, notes in arrays))))
        write_set(cache, blocks, record, lambda: about, source)

    cache = cache_of("array", _VERSION, [source], config.black, config.white)
    return Preparation(cache, f"prepared from {source}", write)


def _source(config: DataConfig) -> Path:
    """Root itself, or the only file of arrays in it."""
    expected = f"one file of arrays ({', '.join(ENDINGS)})"
    if config.root is None:
        raise DataError(f"'array' is read from a file: give as root {expected}, or its folder")
    root = Path(config.root)
    if not root.is_dir():
        return root
    with reading(root):
        found = sorted(path for path in root.iterdir() if path.suffix.lower() in ENDINGS)
    if len(found) != 1:
        names = ", ".join(path.name for path in found[:3]) or "none"
        raise DataError(f"{root} holds {names}; expected {expected}: give that file as root")
    check_inside(root, found[0], follow_links=config.follow_links)
    return found[0]


def records_of(
    place: Path | str, arrays: tuple[StoredArray, ...], reading: ReadingConfig
) -> tuple[np.dtype[Any], Iterator[NDArray[Any]], About]:
    """Turn named arrays of images and labels into image records.

    Args:
        place: origin of the arrays, for error messages.
        arrays: candidates for the images and the labels, chosen by name and number of axes.
        reading: the values of black and white.

    Returns:
        The record type, blocks of records, and the description of the set.

    Raises:
        DataError: arrays that are not images and labels as expected.
    """
    found = joined(place, arrays)
    images, labels = _images(place, found.arrays), _labels(place, found.arrays)
    layout = layout_of(images)
    shape, count = image_shape(images, layout), images.shape[0]
    if count < 2:
        raise DataError(
            f"{images.path} holds {count} images: at least 2 make a training and a test split"
        )
    values, factors = factors_of(labels) if labels else (np.empty((count, 0), np.int32), ())
    if labels is not None and len(values) != count:
        raise DataError(
            f"{labels.path}: {labels.name} has {len(values)} rows for the {count} images of "
            f"{images.name}: expected one each"
        )
    test_from = found.test_from(images, labels)
    coding = coding_of(images, layout, reading)
    record = image_record(shape, len(factors))

    def blocks() -> Iterator[NDArray[Any]]:
        start = 0
        for block in images.blocks():
            rows = np.empty(len(block), record)
            rows["image"] = channels_first(coding.to_bytes(block), layout)
            rows["factors"] = values[start : start + len(block)]
            start += len(block)
            yield rows

    used = {part for array in (images, labels) if array for part in found.parts[array.name]}
    unread = ", ".join(array.name for array in arrays if array.name not in used)
    notes = (*coding.notes, *([f"arrays passed over: {unread}"] if unread else []))
    return record, blocks(), About(factors, test_from, notes)


def _as_images(array: StoredArray) -> tuple[StoredArray, tuple[str, ...]]:
    return (array, ()) if array.name.lower() in _LABELS else unflattened(array)


def _images(path: Path | str, arrays: tuple[StoredArray, ...]) -> StoredArray:
    """The array of images: by its name, or the only array of 3 or 4 axes."""
    named = [array for array in arrays if array.name.lower() in _IMAGE_NAMES]
    found = named or [array for array in arrays if len(array.shape) in (3, 4)]
    found = found or [array for array in arrays if array.dtype.hasobject]
    if len(found) != 1:
        held = (
            ", ".join(f"{array.name or 'an array'} {array.shape}" for array in arrays[:9])
            or "no array"
        )
        raise DataError(
            f"{path} holds {held}: expected one array of 3 or 4 axes, or one named "
            f"{', '.join(_IMAGES)}"
        )
    if found[0].dtype.hasobject:
        raise DataError(
            f"{path}: {found[0].name or 'its array'} holds pickled objects, which are never "
            f"opened: save it as an array of numbers"
        )
    return found[0]


def _labels(path: Path | str, arrays: tuple[StoredArray, ...]) -> StoredArray | None:
    found = [array for array in arrays if array.name.lower() in _LABELS]
    if len(found) > 1:
        names = ", ".join(array.name for array in found)
        raise DataError(f"{path} holds {names}: keep one of them as the labels")
    return found[0] if found else None
