"""What is drawn, in the numbers that both ways of drawing share, so that they agree."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatbelt_vae.data.rendering.camera import Camera
from seatbelt_vae.data.rendering.mesh import Mesh
from seatbelt_vae.errors import DataError

__all__ = ["GRID", "LEVELS", "SAMPLES", "Look", "Scene"]

SAMPLES = 4
"""Samples on each side of a pixel."""

GRID = 16
"""Places on each axis between two samples that a vertex is snapped to."""

LEVELS = 65535
"""Brightness of a sample is rounded to this many steps, so that sums over a pixel are exact."""

_FARTHEST = 1 << 24


@dataclass(frozen=True)
class Look:
    """How surfaces answer light.

    Args:
        ambient: brightness where no light falls, as a share of the albedo.
        diffuse: added where it falls straight on.
        background: 0 is black, 1 is white.
    """

    ambient: float = 0.3
    diffuse: float = 0.7
    background: float = 1.0


@dataclass(frozen=True)
class Scene:
    """A mesh in front of a camera, snapped to a grid.

    Args:
        side: of the picture, pixels.
        points: places of the vertices, y down, in steps of the grid, :math:`(V, 2)`.
        nearness: of the vertices, :math:`(V)`.
        mesh: what its triangles, normals and albedo are.
        lights: directions towards the lights in the mesh's coordinates, :math:`(L, 3)`.
        look: how surfaces answer light.
    """

    side: int
    points: NDArray[np.int32]
    nearness: NDArray[np.float64]
    mesh: Mesh
    lights: NDArray[np.float64]
    look: Look

    @classmethod
    def of(cls, mesh: Mesh, camera: Camera, lights: ArrayLike, look: Look, side: int) -> "Scene":
        """Raises DataError if a light has no direction or a vertex falls far outside."""
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
