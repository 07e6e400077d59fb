"""Fashion-MNIST (Xiao et al. 2017) and MNIST (LeCun et al. 1998), from their published idx files.

The four files are read on every load, without a cache file; unpacked they have 55 MB.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data.cache import cache_folder, is_there
from seatbelt_vae.data.dataset import Factor, ImageData
from seatbelt_vae.data.image_records import About, image_record, stored_set
from seatbelt_vae.data.readers.idx import read_idx
from seatbelt_vae.data.source import Source
from seatbelt_vae.data.source_files import check_inside
from seatbelt_vae.errors import DataError

__all__ = ["SOURCES", "load", "state"]

SOURCES = {
    "fashion-mnist": Source(
        "70,000 grey 28×28 images of clothes in 10 classes",
        "read from its four idx files: `apt install dataset-fashion-mnist`, or --root",
        __name__,
        licence="Zalando SE (Xiao et al. 2017), MIT",
    ),
    "mnist": Source(
        "70,000 grey 28×28 images of handwritten digits",
        "read from its four idx files in --root",
        __name__,
    ),
}

_SIDE = 28
_IMAGES, _LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"
_PARTS = {"train": 60_000, "t10k": 10_000}
_CLASSES = {
    "fashion-mnist": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "mnist": tuple("0123456789"),
}
_PACKAGES = {"fashion-mnist": "dataset-fashion-mnist"}
_INSTALLED = Path("/usr/share/datasets")
_UNPACKED = {"fashion-mnist": "FashionMNIST/raw", "mnist": "MNIST/raw"}
"""Folders of torchvision below its root."""


def load(config: DataConfig) -> ImageData:
    """Grey images of 28 pixels or a fraction of it, in the published split.

    Raises:
        DataError: missing, damaged or mismatched files, or a size that is no fraction of 28.
    """
    folder = _folder(config)
    root = folder if config.root is None else Path(config.root)
    files = (path for name in _names() if (path := _file(folder, name)))
    check_inside(root, *files, follow_links=config.follow_links)
    parts = [_part(folder, part, at_most) for part, at_most in _PARTS.items()]
    rows = np.concatenate(parts)
    classes = Factor.named("class", _CLASSES[config.name])
    digest = hashlib.sha256(rows.data).hexdigest()
    return stored_set(rows, About((classes,), test_from=len(parts[0])), config, digest)


def state(config: DataConfig) -> str:
    """The folder of the files; raises DataError if they are missing."""
    return f"ready in {_folder(config)}"


def _folder(config: DataConfig) -> Path:
    """The first known folder that holds all four files."""
    name = config.name
    if config.root is not None:
        places = [Path(config.root), Path(config.root) / _UNPACKED[name]]
    else:
        places = [cache_folder() / name, _INSTALLED / name]
    for place in places:
        if not _missing(place):
            return place
    files = ", ".join(f"{file}(.gz)" for file in _missing(places[0]))
    package = f"`apt install {_PACKAGES[name]}`, or " if name in _PACKAGES else ""
    there = "there" if config.root is not None else "there, or elsewhere and give that as root"
    raise DataError(f"{places[0]} lacks files of {name!r}: {package}put {files} {there}")


def _missing(folder: Path) -> list[str]:
    return [name for name in _names() if _file(folder, name) is None]


def _names() -> list[str]:
    return [f"{part}-{kind}" for part in _PARTS for kind in (_IMAGES, _LABELS)]


def _file(folder: Path, name: str) -> Path | None:
    # some programs unpack train-images-idx3-ubyte.gz to train-images.idx3-ubyte
    names = (name, name.replace("-idx", ".idx"))
    candidates = (folder / f"{stem}{end}" for stem in names for end in ("", ".gz"))
    return next((path for path in candidates if is_there(path)), None)


def _part(folder: Path, part: str, at_most: int) -> NDArray[Any]:
    """The records of the training or the test files."""
    images_path, labels_path = (_file(folder, f"{part}-{kind}") for kind in (_IMAGES, _LABELS))
    assert images_path is not None
    assert labels_path is not None
    images = read_idx(images_path, (_SIDE, _SIDE), at_most)
    labels = read_idx(labels_path, (), at_most)
    if len(images) != len(labels):
        raise DataError(
            f"{labels_path} has {len(labels)} labels for the {len(images)} images of "
            f"{images_path}: put the published files there anew"
        )
    if (wrong := np.flatnonzero(labels > 9)).size:
        raise DataError(
            f"{labels_path}: label {labels[wrong[0]]} at {wrong[0]}, expected 0 to 9: put the "
            f"published file there anew"
        )
    rows = np.empty(len(images), image_record((1, _SIDE, _SIDE), 1))
    rows["image"][:, 0] = images
    rows["factors"][:, 0] = labels
    return rows
