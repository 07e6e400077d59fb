"""The data sets by name, and what can be done with one: load, prepare, check.

This module imports no torch until a set is loaded, so that help texts can name the sets at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seatbelt_vae.config.checks import perhaps
from seatbelt_vae.errors import DataError

if TYPE_CHECKING:
    from seatbelt_vae.data.dataset import ImageData

__all__ = ["DATA_SETS", "Check", "Prepared", "Source", "check", "load", "prepare"]


@dataclass(frozen=True)
class Source:
    """A data set that can be had by name.

    Args:
        summary: what it is, in one line.
        had: how it comes to be on this machine.
        sized: whether it can be had at several image sizes.
        load: loads it from (root, images, image_size).
    """

    summary: str
    had: str
    sized: bool
    load: "Callable[[Path | None, int | None, int | None], ImageData]"


@dataclass(frozen=True)
class Prepared:
    """A set that is ready, and what it looks like.

    Args:
        data: the set.
        contact_sheet: a PNG of random images.
    """

    data: "ImageData"
    contact_sheet: bytes


@dataclass(frozen=True)
class Check:
    """What a check of a set found.

    Args:
        train, test: number of images.
        image_shape: (C, H, W).
        smallest, largest: the range of the values looked at.
        problems: one line each; empty if all is well.
    """

    train: int
    test: int
    image_shape: tuple[int, int, int]
    smallest: float
    largest: float
    problems: tuple[str, ...]


def _dsprites(root: Path | None, images: int | None, image_size: int | None) -> "ImageData":
    from seatbelt_vae.data.dsprites import load_dsprites

    return load_dsprites(root, images, image_size)


def _swiss_roll(_root: Path | None, images: int | None, _image_size: int | None) -> "ImageData":
    from seatbelt_vae.data.swiss_roll import load_swiss_roll

    return load_swiss_roll(images)


DATA_SETS = {
    "dsprites": Source(
        "737,280 binary 64×64 images of one sprite; factors shape, scale, orientation, x, y",
        "drawn by our own code and cached; the published .npz is read if --root holds it",
        sized=True,
        load=_dsprites,
    ),
    "swiss-roll": Source(
        "10,000 points on a rolled curve in the plane; use --network mlp",
        "generated",
        sized=False,
        load=_swiss_roll,
    ),
}


def load(
    name: str,
    root: str | Path | None = None,
    images: int | None = None,
    image_size: int | None = None,
) -> "ImageData":
    """A data set by name.

    Args:
        name: a key of `DATA_SETS`.
        root: folder that holds the set's files.
        images: use only this many training images.
        image_size: side in pixels, for sets that can be had at several.

    Raises:
        DataError: unknown name, missing folder, corrupt files, or a size the set has not.

    Example:
        >>> load("swiss-roll").image_shape
        (1, 1, 2)
    """
    source = DATA_SETS.get(name)
    if source is None:
        raise DataError(f"unknown data set {name!r}: {perhaps(name, DATA_SETS)}")
    folder = None if root is None else Path(root)
    if folder is not None and not folder.is_dir():
        raise DataError(
            f"no such folder: {folder}; give the folder that holds the files of {name!r}"
        )
    if image_size is not None and not source.sized:
        raise DataError(f"{name!r} has one size only: leave image_size out")
    return source.load(folder, images, image_size)


def prepare(name: str, root: str | Path | None = None) -> Prepared:
    """Make a set ready (drawn, cached) and show what it holds.

    Raises:
        DataError: as `load`.
    """
    from seatbelt_vae.data.contact_sheet import contact_sheet

    data = load(name, root)
    return Prepared(data, contact_sheet(data))


def check(name: str, root: str | Path | None = None) -> Check:
    """Load a set and look at a sample of it; files are checked whole when they are read.

    Raises:
        DataError: as `load`.
    """
    import numpy as np

    data = load(name, root)
    low, high = data.bounds
    problems = []
    positions = np.linspace(0, len(data.train) - 1, min(10_000, len(data.train))).astype(np.int64)
    images = data.train.batch(positions)
    if tuple(images.shape[1:]) != data.image_shape:
        problems.append(f"images of shape {tuple(images.shape[1:])}, expected {data.image_shape}")
    if not bool(images.isfinite().all()):
        problems.append("values that are not finite")
    if not bool(((images >= low) & (images <= high)).all()):
        problems.append(f"values outside the bounds [{low:g}, {high:g}]")
    if set(data.train.indices.tolist()) & set(data.test.indices.tolist()):
        problems.append("train and test share images")
    return Check(
        train=len(data.train),
        test=len(data.test),
        image_shape=data.image_shape,
        smallest=float(images.min()),
        largest=float(images.max()),
        problems=tuple(problems),
    )
