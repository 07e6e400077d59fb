"""ICT faces: 50 identities drawn from the morphable model of ICT-FaceKit (Li et al. 2020).

``basel_face_renders.pth`` is read instead if root holds it.
"""

import math
import pickle
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data.cache import is_there
from seatbelt_vae.data.dataset import Factor, ImageData
from seatbelt_vae.data.downsampling import block_side
from seatbelt_vae.data.image_records import About, image_record, read_set, write_set
from seatbelt_vae.data.preparation import Preparation
from seatbelt_vae.data.rendering import Camera, Look, Mesh, render
from seatbelt_vae.data.sets.face_model import FaceModel
from seatbelt_vae.data.source import Source
from seatbelt_vae.data.source_files import cache_of, check_inside
from seatbelt_vae.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FACTOR_SIZES", "PUBLISHED_FILE", "SOURCES", "load", "preparation"]

SOURCES = {
    "faces": Source(
        "127,050 64×64 grey images of ICT or Basel faces; factors identity 50, azimuth 21, "
        "elevation 11, lighting 11",
        "drawn from a checkout of ICT-FaceKit, or from its reduced file, in --root; "
        "basel_face_renders.pth is read if --root holds it",
        __name__,
        licence="either drawn from ICT-FaceKit (Li et al. 2020), MIT, or basel_face_renders.pth, "
        "which is not MIT: the Basel Face Model's own licence limits its use and sharing; "
        "`data check faces` says which",
    ),
}

PUBLISHED_FILE = "basel_face_renders.pth"
FACTOR_SIZES = (50, 21, 11, 11)
"""Numbers of identities, azimuths, elevations and lights."""

_NAMES = ("identity", "azimuth", "elevation", "lighting")
_VERSION = 2
_DRAWN_CREDIT = "drawn from ICT-FaceKit (Li et al. 2020), MIT"
_PUBLISHED_CREDIT = (
    f"{PUBLISHED_FILE}, rendered from the Basel Face Model (Paysan et al. 2009): its own licence, "
    f"not MIT, limits use and sharing"
)
_SIDE = 64
_RECORD = image_record((1, _SIDE, _SIDE), len(FACTOR_SIZES))
# half ranges in degrees; the camera moves from the left to the right of the face, and up
_AZIMUTH, _ELEVATION, _LIGHT_AZIMUTH = -90.0, 30.0, 75.0
_LIGHT_HEIGHT = 0.25
_ZOOM = 1.55
_LOOK = Look(ambient=0.1, diffuse=0.9, background=0.0)
# exceptions of torch.load on a damaged file; weights_only runs no code of the file
_DAMAGES = (
    *(OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, AttributeError),
    *(AssertionError, MemoryError, ImportError, ArithmeticError),
    *(struct.error, pickle.UnpicklingError),
)


def load(config: DataConfig) -> ImageData:
    """Grey images of 64 pixels or a fraction of it; factors identity, azimuth, elevation, lighting.

    Raises:
        DataError: missing or corrupt files, or a size that is no fraction of 64.
    """
    block_side(config, _SIDE, _SIDE)  # reject the size before anything is drawn
    return read_set(preparation(config).file(), config)


def preparation(config: DataConfig) -> Preparation:
    """The cache file of the published tensor, or of drawn faces."""
    if config.root is None:
        raise DataError(
            "ICT faces are drawn from files: give --root a checkout of "
            "https://github.com/ICT-VGL/ICT-FaceKit, or a folder with its reduced file "
            f"{FaceModel.REDUCED_FILE}, or one with {PUBLISHED_FILE}"
        )
    root = Path(config.root)
    published = is_there(root / PUBLISHED_FILE)
    files = (root / PUBLISHED_FILE,) if published else FaceModel.files(root)

    def write(cache: Path) -> None:
        check_inside(root, *files, follow_links=config.follow_links)
        blocks = _published(files[0]) if published else _drawn(FaceModel.of(files))
        about = _about(_PUBLISHED_CREDIT if published else _DRAWN_CREDIT)
        write_set(cache, _with_factors(blocks), _RECORD, lambda: about, root)

    action = f"{'read' if published else 'drawn'} from {files[0]}"
    return Preparation(cache_of("faces", _VERSION, files), action, write)


def _drawn(model: FaceModel) -> Iterator[NDArray[np.uint8]]:
    """One block of pictures per identity, all at the same scale."""
    identities, azimuths, elevations, lights = FACTOR_SIZES
    turns = _LIGHT_AZIMUTH * np.linspace(-1, 1, lights) * math.pi / 180
    towards = np.stack([np.sin(turns), np.full(lights, _LIGHT_HEIGHT), np.cos(turns)], axis=1)
    mean = Mesh(model.mean, model.triangles)
    for vertices in model.identities(identities):
        mesh = Mesh(vertices, model.triangles, smooth=True).centred(mean)
        yield np.concatenate(
            [
                render(mesh, Camera(azimuth, elevation, _ZOOM), towards, _LOOK, _SIDE)
                for azimuth in _AZIMUTH * np.linspace(-1, 1, azimuths)
                for elevation in _ELEVATION * np.linspace(-1, 1, elevations)
            ]
        )


def _published(path: Path) -> Iterator[NDArray[np.uint8]]:
    images = _saved_tensor(path)
    expected = (*FACTOR_SIZES, _SIDE, _SIDE)
    if str(images.dtype) != "torch.uint8" or tuple(images.shape) != expected:
        raise DataError(
            f"{path} holds {images.dtype} of shape {tuple(images.shape)}, expected torch.uint8 of "
            f"shape {expected}; download it anew"
        )
    for identity in images:
        yield identity.reshape(-1, _SIDE, _SIDE).numpy()


def _saved_tensor(path: Path) -> "Tensor":
    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGES as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path} cannot be used: {reason}; download it anew") from error
    if not isinstance(found, torch.Tensor):
        raise DataError(f"{path} holds a {type(found).__name__}, expected a tensor")
    return found


def _about(credit: str) -> About:
    factors = (Factor(name, size) for name, size in zip(_NAMES, FACTOR_SIZES, strict=True))
    return About(tuple(factors), credits=(credit,))


def _with_factors(blocks: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.void]]:
    start = 0
    for images in blocks:
        records = np.empty(len(images), _RECORD)
        records["image"] = images[:, None]
        places = np.unravel_index(np.arange(start, start + len(images)), FACTOR_SIZES)
        records["factors"] = np.stack(places, axis=1)
        yield records
        start += len(images)
