"""dSprites (Matthey et al. 2017): 737,280 binary images of one sprite, drawn here or read.

The published file ``dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz`` is read if it lies in the
folder given; otherwise the set is drawn by the same rule. Either way the cache keeps it packed.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.data.bit_cache import cache_folder, read_bits, write_bits
from seatbelt_vae.data.dataset import Factor, ImageData, Indices, random_split
from seatbelt_vae.data.npz import NpzMember
from seatbelt_vae.data.sprites import CANVAS, FACTOR_SIZES, render_sprites
from seatbelt_vae.errors import DataError

__all__ = ["PUBLISHED_FILE", "load_dsprites", "prepare_dsprites"]

PUBLISHED_FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"

_COUNT = math.prod(FACTOR_SIZES)
_IMAGE_BYTES = CANVAS * CANVAS // 8
_NAMES = ("shape", "scale", "orientation", "x", "y")
_SIZES = (32, 64)


def load_dsprites(root: Path | None, images: int | None, image_size: int | None) -> ImageData:
    """The set at 64 pixels, or at 32 by averaging blocks of 2×2 (which makes grey levels).

    Raises:
        DataError: the published file or the cache is corrupt, or another size is asked for.
    """
    side = image_size or CANVAS
    if side not in _SIZES:
        raise DataError(f"dsprites at {side} pixels: expected image_size 64 (native) or 32")
    packed = read_bits(prepare_dsprites(root), (_COUNT, _IMAGE_BYTES))

    def read(indices: Indices) -> NDArray[np.float32]:
        bits = np.unpackbits(packed[indices], axis=1, bitorder="little")
        pixels = bits.reshape(-1, 1, CANVAS, CANVAS).astype(np.float32)
        if side != CANVAS:
            pixels = pixels.reshape(-1, 1, side, 2, side, 2).mean(axis=(3, 5))
        return 2 * pixels - 1

    train, test = random_split(_COUNT, read, _factors, images)
    factors = tuple(Factor(name, size) for name, size in zip(_NAMES, FACTOR_SIZES, strict=True))
    return ImageData("dsprites", (-1.0, 1.0), (1, side, side), train, test, factors)


def prepare_dsprites(root: Path | None) -> Path:
    """The cache file, made first if it is not there; the published file is preferred."""
    published = None if root is None else root / PUBLISHED_FILE
    if published is not None and published.exists():
        cache = cache_folder() / f"dsprites-published-{published.stat().st_size}.bits"
        blocks = _published_blocks(published)
    else:
        cache = cache_folder() / "dsprites-drawn-1.bits"
        blocks = (block.reshape(-1, CANVAS).view(np.uint8) for block in render_sprites())
    if not cache.exists():
        write_bits(cache, blocks, _IMAGE_BYTES)
    return cache


def _factors(indices: Indices) -> NDArray[np.int64]:
    return np.stack(np.unravel_index(indices, FACTOR_SIZES), axis=1).astype(np.int64)


def _published_blocks(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The published images, packed as they are read, so that 3 GB never lie in memory."""
    classes = NpzMember(path, "latents_classes", (_COUNT, len(FACTOR_SIZES) + 1), np.int64)
    start = 0
    for block in classes.blocks():
        expected = _factors(np.arange(start, start + len(block)))
        if not np.array_equal(block[:, 1:], expected):
            raise DataError(
                f"{path}: latents_classes are not in the published order: download anew"
            )
        start += len(block)
    for block in NpzMember(path, "imgs", (_COUNT, CANVAS, CANVAS), np.uint8).blocks():
        if block.max(initial=0) > 1:
            raise DataError(f"{path}: imgs has values up to {block.max()}, expected 0 and 1")
        yield np.packbits(block.reshape(len(block), -1), axis=1, bitorder="little")
