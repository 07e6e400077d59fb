"""A data set returned by a function of the user, named ``package.module:function``.

The function takes no argument, or the root where one is given. It returns images, a pair of images
and labels, a mapping of arrays with the names of the array set, a map-style torch ``Dataset``, or
an `ImageData`. Images and labels follow the rules of the array set and are held in memory. Floats
of two axes are vectors; the arrays ``train`` and ``test`` of a mapping are two splits of them.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data.dataset import ImageData
from seatbelt_vae.data.image_records import stored_set
from seatbelt_vae.data.readers.stored_array import StoredArray
from seatbelt_vae.data.sets.array import records_of
from seatbelt_vae.data.source import Source
from seatbelt_vae.data.vectors import vector_set
from seatbelt_vae.errors import ConfigError, DataError, SeatbeltError
from seatbelt_vae.references import resolve_reference

__all__ = ["SOURCES", "load", "state"]

SOURCES = {
    "MODULE:FUNCTION": Source(
        "images returned by a Python function of your own, as package.module:function or "
        "file.py:function",
        "imported and called, which runs your code; --root is passed on as its argument",
        __name__,
        single_file=True,
        options=frozenset({"black", "white", "standardise"}),
    ),
}

_RETURNS = "images, (images, labels), a mapping of arrays, a torch Dataset, or an ImageData"


def load(config: DataConfig) -> ImageData:
    """Call the function and convert its return value.

    Raises:
        DataError: the function cannot be imported, raises an error, or returns something else.
    """
    function = _function(config.name)
    with _one_line_errors(config.name):
        returned = function() if config.root is None else function(config.root)
        if isinstance(returned, ImageData):
            return _renamed(returned, config)
        named = _named_arrays(config.name, returned)
    arrays = tuple(
        StoredArray.sliced(config.name, name, array.shape, array.dtype, partial(nullcontext, array))
        for name, array in named.items()
    )
    if vectors := _vectors(named):
        rows, test_from = np.concatenate(vectors).astype(np.float64), None
        if len(vectors) > 1:
            test_from = len(vectors[0])
        return vector_set(config.name, rows, named.get("labels"), config, test_from)
    record, blocks, about = records_of(config.name, arrays, config)
    rows = np.concatenate([np.empty(0, record), *blocks])
    digest = hashlib.sha256(rows.data)
    if about.test_from is not None:
        digest.update(str(about.test_from).encode())
    return stored_set(rows, about, config, digest.hexdigest())


def state(config: DataConfig) -> str:
    """Report that the function can be imported.

    Raises:
        DataError: it cannot.
    """
    if config.name in SOURCES:
        return "give the name of a function, such as my_package.data:load"
    _function(config.name)
    return "ready: the function is called whenever the set is loaded"


def _function(name: str) -> Any:
    try:
        function = resolve_reference(name)
    except ConfigError as error:
        raise DataError(f"data set {name!r}: {error}") from error
    if not callable(function):
        raise DataError(f"data set {name!r} is a {type(function).__name__}, expected a function")
    return function


@contextmanager
def _one_line_errors(name: str) -> Iterator[None]:
    try:
        yield
    except SeatbeltError:
        raise
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "") or "no message"
        raise DataError(
            f"data set {name!r} failed: {type(error).__name__}: {reason}; the function takes no "
            f"argument, or root if --root is given, and returns {_RETURNS}"
        ) from error


def _renamed(data: ImageData, config: DataConfig) -> ImageData:
    """The same set under its reference, cut to the number of training images asked for."""
    if config.image_size not in (None, min(data.image_shape[-2:])):
        raise DataError(
            f"{config.name!r} returns images of shape {data.image_shape}: leave image_size out"
        )
    if config.chosen_reading:
        raise DataError(f"{config.name!r} returns an ImageData: leave black and white out")
    return replace(data, name=config.name, train=data.train.first(config.images))


def _named_arrays(name: str, returned: Any) -> dict[str, NDArray[Any]]:
    """The returned arrays under the names of the array set."""
    if isinstance(returned, Mapping):
        return {str(key): _array(value) for key, value in returned.items()}
    if isinstance(returned, tuple) and len(returned) == 2:
        return {"images": _array(returned[0]), "labels": _array(returned[1])}
    if hasattr(returned, "__array__"):
        return {"images": _array(returned)}
    if hasattr(returned, "__getitem__") and hasattr(returned, "__len__"):
        return _collected(returned)
    raise DataError(f"{name!r} returned a {type(returned).__name__}, expected {_RETURNS}")


def _vectors(named: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """The array of vectors, or its training and test split; empty for images."""
    names = ["train", "test"] if {"train", "test"} == named.keys() else ["images"]
    found = [named[name] for name in names if name in named]
    plain = named.keys() <= {*names, "labels"}
    return found if plain and all(a.ndim == 2 and a.dtype.kind == "f" for a in found) else []


def _array(value: Any) -> NDArray[Any]:
    """A NumPy array of an array, a tensor on any device, a picture, or a number."""
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def _collected(items: Any) -> dict[str, NDArray[Any]]:
    """All images of a map-style dataset, and the labels if its items are pairs."""
    found = [items[index] for index in range(len(items))]
    if not all(isinstance(item, tuple) for item in found):
        return {"images": np.stack([_array(item) for item in found])}
    images, labels = zip(*found, strict=True)
    return {"images": np.stack([*map(_array, images)]), "labels": np.stack([*map(_array, labels)])}
