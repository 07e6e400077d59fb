"""The data sets by name; another one is a module that loads it and an entry here.

This module imports no torch until a set is loaded, so that help texts can name the sets at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seatbelt_vae.config.checks import perhaps
from seatbelt_vae.data.bit_cache import is_there
from seatbelt_vae.errors import DataError

if TYPE_CHECKING:
    from seatbelt_vae.data.dataset import ImageData

__all__ = ["DATA_SETS", "Source", "load", "source_and_folder"]


@dataclass(frozen=True)
class Source:
    """A data set that can be had by name.

    Args:
        summary: what it is, in one line.
        had: how it comes to be on this machine.
        sized: whether it can be had at several image sizes.
        load: loads it from (root, images, image_size).
        state: whether it is ready, given the root, in a few words; nothing is made or read whole.
    """

    summary: str
    had: str
    sized: bool
    load: "Callable[[Path | None, int | None, int | None], ImageData]"
    state: Callable[[Path | None], str]


def _dsprites(root: Path | None, images: int | None, image_size: int | None) -> "ImageData":
    from seatbelt_vae.data.dsprites import load_dsprites

    return load_dsprites(root, images, image_size)


def _dsprites_state(root: Path | None) -> str:
    from seatbelt_vae.data.dsprites import dsprites_state

    return dsprites_state(root)


def _swiss_roll(_root: Path | None, images: int | None, _image_size: int | None) -> "ImageData":
    from seatbelt_vae.data.swiss_roll import load_swiss_roll

    return load_swiss_roll(images)


DATA_SETS = {
    "dsprites": Source(
        "737,280 binary 64×64 images of one sprite; factors shape, scale, orientation, x, y",
        "drawn by our own code and cached; the published .npz is read if --root holds it",
        sized=True,
        load=_dsprites,
        state=_dsprites_state,
    ),
    "swiss-roll": Source(
        "10,000 points on a rolled curve in the plane; use --network mlp",
        "generated",
        sized=False,
        load=_swiss_roll,
        state=lambda _root: "ready",
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
    source, folder = source_and_folder(name, root)
    if image_size is not None and not source.sized:
        raise DataError(f"{name!r} has one size only: leave image_size out")
    return source.load(folder, images, image_size)


def source_and_folder(name: str, root: str | Path | None) -> tuple[Source, Path | None]:
    """The entry of a set and the folder of its files, once both are known to exist.

    Raises:
        DataError: unknown name, or a folder that is missing or may not be looked at.
    """
    source = DATA_SETS.get(name)
    if source is None:
        raise DataError(f"unknown data set {name!r}: {perhaps(name, DATA_SETS)}")
    folder = None if root is None else Path(root)
    if folder is not None and not (is_there(folder) and folder.is_dir()):
        raise DataError(
            f"no such folder: {folder}; give the folder that holds the files of {name!r}"
        )
    return source, folder
