"""The rasteriser in NumPy; it performs the operations of the compiled one in the same order."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.data.rendering.scene import GRID, LEVELS, SAMPLES, Scene

__all__ = ["by_arrays"]

_AT_ONCE = 1 << 20

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]


def by_arrays(scene: Scene) -> NDArray[np.uint8]:
    """Render one picture per light, :math:`(L, side, side)`."""
    width = SAMPLES * scene.side
    owner = _owners(scene, width)
    seen = np.flatnonzero(owner >= 0)
    triangle = owner[seen]
    first, second, area = _edges(scene, triangle, seen % width, seen // width)
    share = [first / area, second / area]
    share = [1.0 - share[0] - share[1], *share]
    corners = scene.mesh.normals[scene.mesh.corners[triangle]]
    x, y, z = (
        share[0] * corners[:, 0, i] + share[1] * corners[:, 1, i] + share[2] * corners[:, 2, i]
        for i in range(3)
    )
    # a triangle seen from behind is lit from behind
    length = np.sqrt(x * x + y * y + z * z) * np.where(area < 0, 1.0, -1.0)
    albedo, look = scene.mesh.albedo[triangle], scene.look
    pictures = np.empty((len(scene.lights), scene.side, scene.side), np.uint8)
    for picture, light in zip(pictures, scene.lights, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            straight = (x * light[0] + y * light[1] + z * light[2]) / length
        straight = np.where(straight > 0, straight, 0.0)
        samples = np.full(width * width, _level(look.background))
        samples[seen] = _level(albedo * (look.ambient + look.diffuse * straight))
        blocks = samples.reshape(scene.side, SAMPLES, scene.side, SAMPLES).sum((1, 3))
        whole = LEVELS * SAMPLES * SAMPLES
        picture[:] = (255 * blocks + whole // 2) // whole
    return pictures


def _level(brightness: _Floats | float) -> _Ints:
    found: _Ints = (np.clip(brightness, 0, 1) * LEVELS + 0.5).astype(np.int64)
    return found


def _owners(scene: Scene, width: int) -> _Ints:
    """The nearest triangle at each sample, the first of equally near ones; -1 if none."""
    owner, nearest = np.full(width * width, -1), np.full(width * width, -np.inf, np.float32)
    for triangle, column, row in _candidates(scene, width):
        first, second, area = _edges(scene, triangle, column, row)
        third = area - first - second
        sign = np.sign(area)
        inside = (first * sign >= 0) & (second * sign >= 0) & (third * sign >= 0)
        triangle, first, second, area = (v[inside] for v in (triangle, first, second, area))
        sample = (row * width + column)[inside]
        a, b, c = scene.nearness[scene.mesh.triangles[triangle]].T
        near = (a + (first * ((b - a) / area) + second * ((c - a) / area))).astype(np.float32)
        # the last write to an index wins: sort so that the nearest, then the first, comes last
        order = np.argsort(near[::-1], kind="stable")
        block_owner, block_nearest = np.full_like(owner, -1), np.full_like(nearest, -np.inf)
        block_owner[sample[::-1][order]] = triangle[::-1][order]
        block_nearest[sample[::-1][order]] = near[::-1][order]
        better = block_nearest > nearest
        owner[better], nearest[better] = block_owner[better], block_nearest[better]
    return owner


def _candidates(scene: Scene, width: int) -> Iterator[tuple[_Ints, _Ints, _Ints]]:
    """Triangles with the columns and rows of the samples in their bounding boxes, in blocks."""
    corners = scene.points[scene.mesh.triangles].astype(np.int64)
    half = GRID // 2
    low = np.maximum((corners.min(1) + half - 1) // GRID, 0)
    high = np.minimum((corners.max(1) - half) // GRID, width - 1)
    sides = np.maximum(high - low + 1, 0)
    (a, b, c) = np.moveaxis(corners, 1, 0)
    flat = _cross(b - a, c - a) == 0
    counts = np.where(flat, 0, sides.prod(1))
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        before = ends[start] - counts[start]
        stop = max(start + 1, int(np.searchsorted(ends, before + _AT_ONCE, "right")))
        triangle = np.repeat(np.arange(start, stop), counts[start:stop])
        within = np.arange(len(triangle)) - (ends - counts)[triangle] + before
        columns = sides[triangle, 0]
        yield triangle, low[triangle, 0] + within % columns, low[triangle, 1] + within // columns
        start = stop


def _edges(scene: Scene, triangle: _Ints, column: _Ints, row: _Ints) -> tuple[_Ints, _Ints, _Ints]:
    """Twice the signed areas opposite to corners 1 and 2, and of the whole triangle."""
    a, b, c = np.moveaxis(scene.points[scene.mesh.triangles[triangle]].astype(np.int64), 1, 0)
    here = np.stack([column, row], axis=1) * GRID + GRID // 2
    return _cross(here - a, c - a), _cross(b - a, here - a), _cross(b - a, c - a)


def _cross(a: _Ints, b: _Ints) -> _Ints:
    found: _Ints = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return found
