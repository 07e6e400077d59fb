"""The input of both rasterisers: snapped vertices, lights and shading parameters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatbelt_vae.data.rendering.camera import Camera
from seatbelt_vae.data.rendering.mesh import Mesh
from seatbelt_vae.errors import DataError

__all__ = ["GRID", "LEVELS", "SAMPLES", "Look", "Scene"]

SAMPLES = 4
"""Samples per pixel along each axis."""

GRID = 16
"""Grid steps between two samples along each axis; vertices are snapped to this grid."""

LEVELS = 65535
"""Levels to which the brightness of a sample is rounded, so that sums over a pixel are exact."""

_FARTHEST = 1 << 24
# the samples of larger pictures need gigabytes
_LARGEST_SIDE = 2048


@dataclass(frozen=True)
class Look:
    """Shading parameters.

    Args:
        ambient: brightness without light, as a fraction of the albedo.
        diffuse: brightness added at normal incidence, as a fraction of the albedo.
        background: brightness of the background; 0 is black, 1 is white.
    """

    ambient: float = 0.3
    diffuse: float = 0.7
    background: float = 1.0


@dataclass(frozen=True)
class Scene:
    """A mesh in front of a camera, snapped to a grid.

    Args:
        side: side of the picture in pixels.
        points: picture positions of the vertices in grid steps, y down, :math:`(V, 2)`.
        nearness: nearness of the vertices, :math:`(V)`.
        mesh: triangles, normals and albedo.
        lights: unit directions towards the lights in mesh coordinates, :math:`(L, 3)`.
        look: shading parameters.
    """

    side: int
    points: NDArray[np.int32]
    nearness: NDArray[np.float64]
    mesh: Mesh
    lights: NDArray[np.float64]
    look: Look

    @classmethod
    def of(cls, mesh: Mesh, camera: Camera, lights: ArrayLike, look: Look, side: int) -> "Scene":
        """Project and snap a mesh.

        Raises:
            DataError: the side is out of range, a light has no direction, or a vertex projects far
                outside the picture.
        """
        if not 1 <= side <= _LARGEST_SIDE:
            raise DataError(f"pictures of side {side}, expected 1 … {_LARGEST_SIDE} pixels")
        towards = np.asarray(lights, np.float64)
        if towards.ndim != 2 or towards.shape[1] != 3 or not np.isfinite(towards).all():
            raise DataError(f"lights of shape {towards.shape}, expected (L, 3) finite directions")
        length = np.linalg.norm(towards, axis=1, keepdims=True)
        if not (length > 0).all():
            raise DataError("a light has no direction: expected vectors longer than 0")
        places, nearness = camera.project(mesh.vertices)
        half = side * SAMPLES * GRID / 2
        points = np.floor(half + half * places * [1, -1] + 0.5)
        if np.abs(points).max() > _FARTHEST:
            raise DataError(
                "a vertex falls far outside the picture: lower the camera's zoom, or centre the "
                "mesh"
            )
        return cls(
            side,
            points.astype(np.int32),
            np.ascontiguousarray(nearness),
            mesh,
            np.ascontiguousarray(towards / length @ camera.axes),
            look,
        )
