"""dSprites (Matthey et al. 2017): 737,280 binary images of one sprite, drawn here or read.

The published file ``dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz`` is read if it lies in the
folder given; otherwise the set is drawn by the same rule. Either way the cache keeps it packed.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data.cache import cache_folder, is_there, read_records, write_records
from seatbelt_vae.data.dataset import Factor, ImageData, Indices, random_split
from seatbelt_vae.data.downsampling import block_means, block_side, told
from seatbelt_vae.data.readers.npz import NpzMember
from seatbelt_vae.data.sets.sprites import CANVAS, FACTOR_SIZES, render_sprites
from seatbelt_vae.data.source import Source
from seatbelt_vae.data.source_files import check_inside
from seatbelt_vae.errors import DataError

__all__ = ["PUBLISHED_FILE", "SOURCES", "halved", "load", "prepare", "state", "unpacked"]

SOURCES = {
    "dsprites": Source(
        "737,280 binary 64×64 images of one sprite; factors shape, scale, orientation, x, y",
        "drawn by our own code and cached; the published .npz is read if --root holds it",
        __name__,
        licence="the images are drawn anew; the published set (Matthey et al. 2017) is Apache 2.0",
    ),
}

PUBLISHED_FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"

_COUNT = math.prod(FACTOR_SIZES)
_IMAGE_BYTES = CANVAS * CANVAS // 8
_RECORD = np.dtype([("bits", np.uint8, (_IMAGE_BYTES,))])
_FACTORS = (
    Factor.named("shape", ("square", "ellipse", "heart")),
    *map(Factor, ("scale", "orientation", "x", "y"), FACTOR_SIZES[1:]),
)

# looking a whole byte up is ten times faster than unpacking its bits
_BYTES = np.arange(256, dtype=np.uint8)[:, None]
_PIXELS = 2 * np.unpackbits(_BYTES, axis=1, bitorder="little").astype(np.float32) - 1
_PIXEL_PAIRS = _PIXELS.reshape(256, 4, 2).mean(axis=2)


def load(config: DataConfig) -> ImageData:
    """The set at 64 pixels, or at a fraction of that by averaging blocks (which makes grey levels).

    Raises:
        DataError: the published file or the cache is corrupt, or no fraction is asked for.
    """
    block = block_side(config, CANVAS, CANVAS)
    records = read_records(prepare(config))
    packed = records.rows["bits"]

    def read(indices: Indices) -> NDArray[np.float32]:
        chosen = packed[indices]
        if block == 1:
            return unpacked(chosen)
        return halved(chosen) if block == 2 else block_means(halved(chosen), block // 2)

    train, test = random_split(_COUNT, read, _factors, config.images)
    side = CANVAS // block
    return ImageData(
        "dsprites",
        (-1.0, 1.0),
        (1, side, side),
        train,
        test,
        _FACTORS,
        told(block),
        digest=records.digest,
    )


def prepare(config: DataConfig) -> Path:
    """The cache file, made first if it is not there; the published file is preferred.

    Raises:
        DataError: the published file is there and is not what it should be.
        ArtifactError: the cache cannot be written.
    """
    published, cache = _places(config)
    if not is_there(cache):
        blocks = _drawn_blocks() if published is None else _published_blocks(published)
        write_records(cache, _RECORD, (block.view(_RECORD)[:, 0] for block in blocks))
    return cache


def state(config: DataConfig) -> str:
    """Where the set stands on this machine, in a few words.

    Raises:
        DataError: the published file is there and is no archive, or may not be looked at.
    """
    published, cache = _places(config)
    if is_there(cache):
        return f"ready in {cache}"
    if published is None:
        return f"will be drawn into {cache} when first used"
    return f"will be packed from {published} into {cache} when first used"


def unpacked(packed: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images (B, 1, 64, 64) of -1 and 1 from packed ones (B, 512).

    Example:
        >>> unpacked(np.full((1, 512), 0b10, np.uint8))[0, 0, 63, :4].tolist()
        [-1.0, 1.0, -1.0, -1.0]
    """
    return np.take(_PIXELS, packed, axis=0).reshape(-1, 1, CANVAS, CANVAS)


def halved(packed: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images (B, 1, 32, 32) whose pixels are the means of 2×2 pixels, from packed ones (B, 512).

    Example:
        >>> halved(np.full((1, 512), 0b10, np.uint8))[0, 0, 31, :2].tolist()
        [0.0, -1.0]
    """
    half = CANVAS // 2
    rows = packed.reshape(-1, half, 2, CANVAS // 8)
    pixels = np.take(_PIXEL_PAIRS, rows[:, :, 0], axis=0)
    pixels += np.take(_PIXEL_PAIRS, rows[:, :, 1], axis=0)
    pixels /= 2
    return pixels.reshape(-1, 1, half, half)


def _places(config: DataConfig) -> tuple[Path | None, Path]:
    """The published file, if there is one, and the cache of what will be read."""
    published = None if config.root is None else Path(config.root) / PUBLISHED_FILE
    if published is None or not is_there(published):
        return None, cache_folder() / "dsprites-drawn-2.records"
    check_inside(published.parent, published)
    # named by content, so that another download is never answered from the first one's cache
    checksum = NpzMember(published, "imgs", (_COUNT, CANVAS, CANVAS), np.uint8).checksum()
    return published, cache_folder() / f"dsprites-published-{checksum:08x}.records"


def _factors(indices: Indices) -> NDArray[np.int64]:
    return np.stack(np.unravel_index(indices, FACTOR_SIZES), axis=1).astype(np.int64)


def _drawn_blocks() -> Iterator[NDArray[np.uint8]]:
    return (block.reshape(-1, CANVAS).view(np.uint8) for block in render_sprites())


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
