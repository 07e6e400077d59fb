"""Chairs from 31 sides: published pictures (Aubry et al. 2014), or our own of free meshes.

The published tree ``rendered_chairs`` is read if the folder given has it. Otherwise the meshes of
the Debian package ``sweethome3d-furniture`` are drawn: from the folder given, or where they are
installed.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data.bad_examples import Screen
from seatbelt_vae.data.cache import is_there
from seatbelt_vae.data.dataset import ImageData
from seatbelt_vae.data.downsampling import block_side
from seatbelt_vae.data.image_records import About, image_record, read_set, write_set
from seatbelt_vae.data.sets.drawn_chairs import DrawnChairs
from seatbelt_vae.data.sets.published_chairs import SIDE, PublishedChairs
from seatbelt_vae.data.source import Source
from seatbelt_vae.data.source_files import cache_of, check_inside
from seatbelt_vae.errors import DataError

__all__ = ["INSTALLED", "SOURCES", "load", "state"]

SOURCES = {
    "chairs": Source(
        "64×64 grey images of chairs; factors model, azimuth 31, elevation 2",
        "drawn from `apt install --no-install-recommends sweethome3d-furniture`; the published "
        "rendered_chairs/ is read if --root holds it",
        __name__,
        skippable=True,
        licence="either of drawn meshes, CC BY and CC0, or of the published pictures (Aubry et al. "
        "2014), which are neither, on their authors' terms; `data check chairs` says which",
    ),
}

INSTALLED = Path("/usr/share/sweethome3d/furniture")
"""Where the Debian package puts its archives."""

_VERSION = 2
_RECORD = image_record((1, SIDE, SIDE), factors=3)


def load(config: DataConfig) -> ImageData:
    """The set in grey at 64 pixels or a fraction of that.

    Its factors are model, azimuth and elevation.

    Raises:
        DataError: no files, bad ones (unless they are to be skipped), a corrupt cache, or another
            size asked for.
        ArtifactError: the cache cannot be written.
    """
    block_side(config, SIDE, SIDE)  # before anything is drawn
    source = _source(config)
    cache = _cache(source, config)
    if not is_there(cache):
        if isinstance(source, DrawnChairs):
            check_inside(_folder(config), *source.files)
        _prepare(source, cache, _folder(config), Screen(config.skip_bad))
    return read_set(cache, config)


def state(config: DataConfig) -> str:
    """Where the set stands on this machine, in a few words.

    Raises:
        DataError: there are no files to make it of.
    """
    source = _source(config)
    cache = _cache(source, config)
    if is_there(cache):
        return f"ready in {cache}"
    return f"will be {source.made} into {cache} when first used"


def _folder(config: DataConfig) -> Path:
    return INSTALLED if config.root is None else Path(config.root)


def _source(config: DataConfig) -> PublishedChairs | DrawnChairs:
    folder = _folder(config)
    tree = folder if folder.name == PublishedChairs.FOLDER else folder / PublishedChairs.FOLDER
    if is_there(tree):
        return PublishedChairs.at(tree, folder)
    archives = tuple(sorted(folder.glob("*.sh3f")))
    if not archives:
        raise DataError(
            f"{folder} has neither rendered_chairs/ nor .sh3f archives: "
            "`apt install --no-install-recommends sweethome3d-furniture` puts the latter into "
            f"{INSTALLED}, or give --root the folder that holds Aubry's rendered_chairs/"
        )
    return DrawnChairs(archives)


def _cache(source: PublishedChairs | DrawnChairs, config: DataConfig) -> Path:
    return cache_of("chairs", _VERSION, source.files, config.skip_bad)


def _prepare(
    source: PublishedChairs | DrawnChairs, cache: Path, folder: Path, screen: Screen
) -> None:
    def blocks() -> Iterator[np.ndarray]:
        for images, factors in source.images(screen):
            block = np.empty(len(images), _RECORD)
            block["image"], block["factors"] = images[:, None], factors
            yield block

    def about() -> About:
        return About(source.factors, notes=screen.notes, credits=source.credits)

    write_set(cache, blocks(), _RECORD, about, folder)
