"""dSprites (Matthey et al. 2017): 737,280 binary images of one sprite, drawn or read.

The published file ``dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz`` is read if root holds it;
otherwise identical images are drawn. The cache file stores one bit per pixel.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data.cache import cache_folder, is_there, read_records, write_records
from seatbelt_vae.data.dataset import Factor, ImageData, Indices, random_split
from seatbelt_vae.data.downsampling import block_means, block_notes, block_side
from seatbelt_vae.data.preparation import Preparation
from seatbelt_vae.data.readers.npz import NpzMember
from seatbelt_vae.data.sets.sprites import CANVAS, FACTOR_SIZES, render_sprites
from seatbelt_vae.data.source import Source
from seatbelt_vae.data.source_files import check_inside
from seatbelt_vae.errors import DataError

__all__ = ["PUBLISHED_FILE", "SOURCES", "halved", "load", "preparation", "unpacked"]

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

# a table lookup per byte is ten times faster than unpacking its bits
_BYTES = np.arange(256, dtype=np.uint8)[:, None]
_PIXELS = 2 * np.unpackbits(_BYTES, axis=1, bitorder="little").astype(np.float32) - 1
_PIXEL_PAIRS = _PIXELS.reshape(256, 4, 2).mean(axis=2)


def load(config: DataConfig) -> ImageData:
    """Images of 64 pixels, or of a fraction of it by block means, which are grey.

    Raises:
        DataError: a corrupt file, or a size that is no fraction of 64.
    """
    block = block_side(config, CANVAS, CANVAS)
    records = read_records(preparation(config).file())
    packed = records.rows["bits"]

    def read(indices: Indices) -> NDArray[np.float32]:
        chosen = packed[indices]
        if block == 1:
            return unpacked(chosen)
        return halved(chosen) if block == 2 else block_means(halved(chosen), block // 2)

    train, test = random_split(_COUNT, read, _factors, config.images, packed.__getitem__)
    side = CANVAS // block
    return ImageData(
        "dsprites",
        (-1.0, 1.0),
        (1, side, side),
        train,
        test,
        _FACTORS,
        block_notes(block),
        digest=records.digest,
    )


def preparation(config: DataConfig) -> Preparation:
    """The cache file of the published file under root, or of the drawn set."""
    published = None if config.root is None else Path(config.root) / PUBLISHED_FILE
    if published is None or not is_there(published):
        return Preparation(
            cache_folder() / "dsprites-drawn-2.records", "drawn", lambda cache: _write(cache, None)
        )
    check_inside(published.parent, published, follow_links=config.follow_links)
    # the name holds a checksum of the content, so that another download has another cache
    checksum = NpzMember(published, "imgs", (_COUNT, CANVAS, CANVAS), np.uint8).checksum()
    return Preparation(
        cache_folder() / f"dsprites-published-{checksum:08x}.records",
        f"packed from {published}",
        lambda cache: _write(cache, published),
    )


def unpacked(packed: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Unpack images (B, 512) to (B, 1, 64, 64) with values -1 and 1.

    Example:
        >>> unpacked(np.full((1, 512), 0b10, np.uint8))[0, 0, 63, :4].tolist()
        [-1.0, 1.0, -1.0, -1.0]
    """
    return np.take(_PIXELS, packed, axis=0).reshape(-1, 1, CANVAS, CANVAS)


def halved(packed: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Unpack images (B, 512) to (B, 1, 32, 32), means of 2×2 pixels.

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


def _write(cache: Path, published: Path | None) -> None:
    blocks = _drawn_blocks() if published is None else _published_blocks(published)
    write_records(cache, _RECORD, (block.view(_RECORD)[:, 0] for block in blocks))


def _factors(indices: Indices) -> NDArray[np.int64]:
    return np.stack(np.unravel_index(indices, FACTOR_SIZES), axis=1).astype(np.int64)


def _drawn_blocks() -> Iterator[NDArray[np.uint8]]:
    return (block.reshape(-1, CANVAS).view(np.uint8) for block in render_sprites())


def _published_blocks(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The published images, packed in blocks; unpacked they would need 3 GB of memory."""
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
