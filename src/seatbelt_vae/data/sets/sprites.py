"""The dSprites rasteriser: polygons on a grid of 1/256 pixel, filled without anti-aliasing.

It reproduces the published images bit for bit. The canvas is 64 pixels, y down. Coordinates are
flipped to y up and snapped half up; a pixel is set if its centre is inside.

A row of 64 pixels is one 64-bit word. Each edge that crosses a row flips all pixels right of the
crossing, so a polygon is filled by exclusive-or of words, for all 32 × 32 positions at once.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["CANVAS", "FACTOR_SIZES", "render_polygon", "render_sprites"]

CANVAS = 64
FACTOR_SIZES = (3, 6, 40, 32, 32)
"""Shape (square, ellipse, heart), scale, orientation, x, y; the last varies fastest."""

_GRID = 256
_SIZE = 9.6
_EVERY_PIXEL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def render_sprites() -> Iterator[NDArray[np.uint64]]:
    """The whole set in order, one block of (32 x, 32 y, 64 rows) words per polygon.

    Bit c of row word r is pixel (r, c); there are 3 · 6 · 40 blocks.
    """
    for outline in _outlines():
        for scale in range(FACTOR_SIZES[1]):
            for orientation in range(FACTOR_SIZES[2]):
                # orientations 0 and 39 are the same angle, as in the published set
                angle = -2 * np.pi * orientation / (FACTOR_SIZES[2] - 1)
                turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
                yield render_polygon((0.5 + 0.1 * scale) * outline @ turn.T, _centres())


def render_polygon(
    outline: NDArray[np.float64], centres: NDArray[np.float64]
) -> NDArray[np.uint64]:
    """Draw a closed polygon with its origin at each (x, y) of a grid of centres.

    Args:
        outline: vertices (V, 2) in pixels, x right and y down; inside the canvas at each centre.
        centres: positions along each axis, (P).

    Returns:
        Row words, (P over x, P over y, 64).
    """
    places = len(centres)
    x = _snap(outline[:, 0] + centres[:, None])
    y = _snap(CANVAS - (outline[:, 1] + centres[:, None]))
    place, edge, row = _crossings(y)
    crossed = _first_pixel_right_of_edge(
        x, y[place, edge], np.roll(y, -1, 1)[place, edge], edge, row
    )
    flips = np.where(
        crossed < CANVAS, np.left_shift(_EVERY_PIXEL, np.minimum(crossed, 63).astype(np.uint64)), 0
    ).astype(np.uint64)
    # crossings are sorted by (place, row): fold each group into its row word
    group = place * CANVAS + row
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    words = np.zeros((places, places, CANVAS), np.uint64)
    rows_down = CANVAS - 1 - group[starts] % CANVAS
    words[:, group[starts] // CANVAS, rows_down] = np.bitwise_xor.reduceat(flips, starts, axis=1)
    return words


def _crossings(
    y: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """All (place, edge, row) where an edge crosses the line through the pixel centres of a row.

    An edge includes its lower end only, so that a vertex on the line counts once.
    """
    end = np.roll(y, -1, 1)
    first, last = (
        -((_GRID // 2 - bound) // _GRID) for bound in (np.minimum(y, end), np.maximum(y, end))
    )
    count = (last - first).ravel()
    which = np.repeat(np.arange(count.size), count)
    row = first.ravel()[which] + np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    place, edge = np.divmod(which, y.shape[1])
    order = np.lexsort((row, place))
    return place[order], edge[order], row[order]


def _first_pixel_right_of_edge(
    x: NDArray[np.int64],
    y0: NDArray[np.int64],
    y1: NDArray[np.int64],
    edge: NDArray[np.int64],
    row: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The first column whose centre is not left of the edge, in integer arithmetic."""
    x0, x1 = x[:, edge], np.roll(x, -1, 1)[:, edge]
    rise = y1 - y0
    line = _GRID * row + _GRID // 2
    numerator = ((line - y0) * (x1 - x0) + x0 * rise) * np.sign(rise)
    denominator = np.abs(rise)
    column = -((_GRID // 2 * denominator - numerator) // (_GRID * denominator))
    clipped: NDArray[np.int64] = np.clip(column, 0, CANVAS)
    return clipped


def _outlines() -> tuple[NDArray[np.float64], ...]:
    """Square, ellipse and heart at scale 1, y down."""
    square = _SIZE * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    t = 2 * np.pi * np.arange(100) / 100
    ellipse = np.stack([1.33 * _SIZE * np.cos(t), _SIZE / 1.33 * np.sin(t)], axis=1)
    t = 2 * np.pi * np.arange(150) / 150
    lobes = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    heart = np.stack([_SIZE * np.sin(t) ** 3, -(2 * _SIZE / 29 * lobes + 1.44)], axis=1)
    return square, ellipse, heart


def _centres() -> NDArray[np.float64]:
    return 16 + 32 * np.arange(FACTOR_SIZES[3]) / (FACTOR_SIZES[3] - 1)


def _snap(coordinate: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.floor(_GRID * coordinate + 0.5).astype(np.int64)
