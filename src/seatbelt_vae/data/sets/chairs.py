"""Chairs from 31 azimuths: published pictures (Aubry et al. 2014), or drawings of free meshes.

The published ``rendered_chairs`` is read if root holds it. Otherwise the meshes of the Debian
package ``sweethome3d-furniture`` are drawn, from root or from the installed package.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data.bad_examples import BadExamples
from seatbelt_vae.data.cache import is_there
from seatbelt_vae.data.dataset import ImageData
from seatbelt_vae.data.downsampling import block_side
from seatbelt_vae.data.image_records import About, image_record, read_set, write_set
from seatbelt_vae.data.preparation import Preparation
from seatbelt_vae.data.sets.drawn_chairs import DrawnChairs
from seatbelt_vae.data.sets.published_chairs import SIDE, PublishedChairs
from seatbelt_vae.data.source import LINK_OPTIONS, Source
from seatbelt_vae.data.source_files import cache_of, check_inside
from seatbelt_vae.errors import DataError

__all__ = ["INSTALLED", "SOURCES", "load", "preparation"]

SOURCES = {
    "chairs": Source(
        "64×64 grey images of chairs; factors model, azimuth 31, elevation 2",
        "drawn from `apt install --no-install-recommends sweethome3d-furniture`; the published "
        "rendered_chairs/ is read if --root holds it",
        __name__,
        options=LINK_OPTIONS | {"skip_bad"},
        licence="either of drawn meshes, CC BY and CC0, or of the published pictures (Aubry et al. "
        "2014), which are neither, on their authors' terms; `data check chairs` says which",
    ),
}

INSTALLED = Path("/usr/share/sweethome3d/furniture")
"""Install folder of the archives of the Debian package."""

_VERSION = 3
_RECORD = image_record((1, SIDE, SIDE), factors=3)


def load(config: DataConfig) -> ImageData:
    """Grey images of 64 pixels or a fraction of it; factors model, azimuth and elevation.

    Raises:
        DataError: missing or corrupt files, or a size that is no fraction of 64.
    """
    block_side(config, SIDE, SIDE)  # reject the size before anything is drawn
    return read_set(preparation(config).file(), config)


def preparation(config: DataConfig) -> Preparation:
    """The cache file of the published pictures, or of drawn meshes."""
    folder, source = _folder(config), _source(config)

    def write(cache: Path) -> None:
        if isinstance(source, DrawnChairs):
            check_inside(folder, *source.files, follow_links=config.follow_links)
        _write(source, cache, folder, BadExamples(config.skip_bad))

    cache = cache_of("chairs", _VERSION, source.files, config.chosen_reading)
    return Preparation(cache, source.action, write)


def _folder(config: DataConfig) -> Path:
    return INSTALLED if config.root is None else Path(config.root)


def _source(config: DataConfig) -> PublishedChairs | DrawnChairs:
    folder = _folder(config)
    tree = folder if folder.name == PublishedChairs.FOLDER else folder / PublishedChairs.FOLDER
    if is_there(tree):
        return PublishedChairs.at(tree, folder, config.follow_links)
    archives = tuple(sorted(folder.glob("*.sh3f")))
    if not archives:
        raise DataError(
            f"{folder} has neither rendered_chairs/ nor .sh3f archives: "
            "`apt install --no-install-recommends sweethome3d-furniture` puts the latter into "
            f"{INSTALLED}, or give --root the folder that holds Aubry's rendered_chairs/"
        )
    return DrawnChairs(archives)


def _write(
    source: PublishedChairs | DrawnChairs, cache: Path, folder: Path, bad: BadExamples
) -> None:
    def blocks() -> Iterator[np.ndarray]:
        for images, factors in source.images(bad):
            block = np.empty(len(images), _RECORD)
            block["image"], block["factors"] = images[:, None], factors
            yield block

    def about() -> About:
        return About(source.factors, notes=bad.notes, credits=source.credits)

    write_set(cache, blocks(), _RECORD, about, folder)
