"""Triangle meshes, validated on construction."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatbelt_vae.errors import DataError

__all__ = ["Mesh"]

_FARTHEST = 1e12


@dataclass(frozen=True)
class Mesh:
    """Triangles in space, y up; the front looks along z.

    Args:
        vertices: :math:`(V, 3)`.
        triangles: vertex indices, :math:`(T, 3)`, counter-clockwise as seen from the front.
        albedo: albedo of each triangle in [0, 1], :math:`(T)` (default: 1).
        smooth: interpolate vertex normals instead of using one normal per triangle.

    Raises:
        DataError: a wrong shape, a non-finite number, or an index out of range.

    Example:
        >>> Mesh(np.eye(3), [[0, 1, 2]]).normals.round(3).tolist()
        [[0.577, 0.577, 0.577]]
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int32]
    albedo: NDArray[np.float64]
    smooth: bool

    def __init__(
        self,
        vertices: ArrayLike,
        triangles: ArrayLike,
        albedo: ArrayLike | None = None,
        *,
        smooth: bool = False,
    ) -> None:
        points, corners = np.asarray(vertices, np.float64), np.asarray(triangles)
        _must_have_three_columns("vertices", points)
        _must_have_three_columns("triangles", corners)
        if not (np.abs(points) < _FARTHEST).all():
            raise DataError(f"a mesh has vertices that are not finite or beyond {_FARTHEST:g}")
        if corners.dtype.kind not in "iu":
            raise DataError(f"triangles are {corners.dtype}, expected integers")
        if corners.min() < 0 or corners.max() >= len(points):
            raise DataError(
                f"triangles name vertices {corners.min()} … {corners.max()}, "
                f"the mesh has 0 … {len(points) - 1}"
            )
        greys = np.ones(len(corners)) if albedo is None else np.asarray(albedo, np.float64)
        if greys.shape != (len(corners),) or not ((greys >= 0) & (greys <= 1)).all():
            raise DataError(
                f"albedo of shape {greys.shape}, expected {len(corners)} values in [0, 1]"
            )
        for name, value in (
            ("vertices", points),
            ("triangles", np.ascontiguousarray(corners, np.int32)),
            ("albedo", np.ascontiguousarray(greys)),
            ("smooth", smooth),
        ):
            object.__setattr__(self, name, value)

    @cached_property
    def normals(self) -> NDArray[np.float64]:
        """Unit normals of the vertices, :math:`(V, 3)`, if smooth, else of the triangles.

        A vertex normal is the area-weighted mean over the adjacent triangles.
        """
        a, b, c = np.moveaxis(self.vertices[self.triangles], 1, 0)
        normals = np.cross(b - a, c - a)
        if self.smooth:
            around = self.triangles.ravel()
            normals = np.stack(
                [
                    np.bincount(around, np.repeat(part, 3), minlength=len(self.vertices))
                    for part in normals.T
                ],
                axis=1,
            )
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        return np.ascontiguousarray(normals / np.where(length > 0, length, 1))

    @cached_property
    def corners(self) -> NDArray[np.int32]:
        """Indices into `normals` of the corners of each triangle, :math:`(T, 3)`."""
        if self.smooth:
            return self.triangles
        own = np.arange(len(self.triangles), dtype=np.int32)
        return np.ascontiguousarray(np.repeat(own[:, None], 3, axis=1))

    def centred(self, box_of: "Mesh | None" = None) -> "Mesh":
        """The mesh moved and scaled so that its bounding box is centred and has half diagonal 1.

        Args:
            box_of: use the bounding box of this mesh instead.

        Raises:
            DataError: all vertices of the box coincide.
        """
        around = (box_of or self).vertices
        low, high = around.min(0), around.max(0)
        radius = float(np.linalg.norm(high - low)) / 2
        if radius == 0:
            raise DataError("a mesh of one point cannot be drawn: expected at least a triangle")
        vertices = (self.vertices - (low + high) / 2) / radius
        return Mesh(vertices, self.triangles, self.albedo, smooth=self.smooth)


def _must_have_three_columns(name: str, array: NDArray[Any]) -> None:
    if array.ndim != 2 or array.shape[1] != 3 or not len(array):
        raise DataError(f"{name} of shape {array.shape}, expected (N, 3) with N at least 1")
