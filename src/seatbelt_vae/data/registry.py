"""The data sets by name; another one is a file in `sets` that loads it and an entry here.

This module imports no torch until a set is loaded, so that help texts can name the sets at once.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from seatbelt_vae.config import DataConfig
from seatbelt_vae.config.checks import perhaps
from seatbelt_vae.data.cache import is_there
from seatbelt_vae.errors import DataError

if TYPE_CHECKING:
    from seatbelt_vae.data.dataset import ImageData

__all__ = ["DATA_SETS", "Source", "load", "source_of"]


@dataclass(frozen=True)
class Source:
    """A data set that can be had by name.

    Args:
        summary: what it is, in one line.
        had: how it comes to be on this machine.
        module: the file in `sets` that holds its ``load`` and ``state``.
        sized: whether it can be had at several image sizes.
        screened: whether it is made of files of which bad ones may be left out.
    """

    summary: str
    had: str
    module: str
    sized: bool = False
    screened: bool = False

    def load(self, config: DataConfig) -> "ImageData":
        """The set, as the settings want it."""
        data: ImageData = import_module(f"seatbelt_vae.data.sets.{self.module}").load(config)
        return data

    def state(self, config: DataConfig) -> str:
        """Whether it is ready, in a few words; nothing is made or read whole."""
        text: str = import_module(f"seatbelt_vae.data.sets.{self.module}").state(config)
        return text


DATA_SETS = {
    "dsprites": Source(
        "737,280 binary 64×64 images of one sprite; factors shape, scale, orientation, x, y",
        "drawn by our own code and cached; the published .npz is read if --root holds it",
        "dsprites",
        sized=True,
    ),
    "chairs": Source(
        "64×64 grey images of chairs; factors model, azimuth 31, elevation 2",
        "drawn from `apt install --no-install-recommends sweethome3d-furniture`; the published "
        "rendered_chairs/ is read if --root holds it",
        "chairs",
        screened=True,
    ),
    "faces": Source(
        "127,050 64×64 grey images of ICT faces; factors identity 50, azimuth 21, elevation 11, "
        "lighting 11",
        "drawn from a checkout of ICT-FaceKit, or from its reduced file, in --root; "
        "basel_face_renders.pth is read if --root holds it",
        "faces",
    ),
    "swiss-roll": Source(
        "10,000 points on a rolled curve in the plane; use --network mlp",
        "generated",
        "swiss_roll",
    ),
}


def load(
    name: str,
    root: str | Path | None = None,
    images: int | None = None,
    image_size: int | None = None,
    *,
    skip_bad: bool = False,
) -> "ImageData":
    """A data set by name.

    Args:
        name: a key of `DATA_SETS`.
        root: folder that holds the set's files.
        images: use only this many training images.
        image_size: side in pixels, for sets that can be had at several.
        skip_bad: leave out files that cannot be read, and count them, instead of stopping at one.

    Raises:
        DataError: unknown name, missing folder, corrupt files, or a size the set has not.

    Example:
        >>> load("swiss-roll").image_shape
        (1, 1, 2)
    """
    config = DataConfig(name, None if root is None else str(root), images, image_size, skip_bad)
    return source_of(config).load(config)


def source_of(config: DataConfig) -> Source:
    """The entry of a set, once it and the folder of its files are known to exist.

    Raises:
        DataError: unknown name, a folder that is missing or may not be looked at, or an option
            that the set has not.
    """
    source = DATA_SETS.get(config.name)
    if source is None:
        raise DataError(f"unknown data set {config.name!r}: {perhaps(config.name, DATA_SETS)}")
    folder = None if config.root is None else Path(config.root)
    if folder is not None and not (is_there(folder) and folder.is_dir()):
        raise DataError(
            f"no such folder: {folder}; give the folder that holds the files of {config.name!r}"
        )
    if config.image_size is not None and not source.sized:
        raise DataError(f"{config.name!r} has one size only: leave image_size out")
    if config.skip_bad and not source.screened:
        raise DataError(f"{config.name!r} is not made of files to skip: leave skip_bad out")
    return source
