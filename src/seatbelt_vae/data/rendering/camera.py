"""The camera of a rendering."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.errors import DataError

__all__ = ["Camera"]


@dataclass(frozen=True)
class Camera:
    """A camera that looks at the origin.

    Args:
        azimuth: degrees from the mesh's front (z) towards its x, seen from above counter-clockwise.
        elevation: degrees above the horizon.
        zoom: scale at the origin, in half sides of the picture per unit of length.
        distance: distance to the origin; infinity gives an orthographic projection.

    Raises:
        DataError: a non-finite angle, or a zoom or distance that is not positive.
    """

    azimuth: float
    elevation: float
    zoom: float = 1.0
    distance: float = math.inf

    def __post_init__(self) -> None:
        finite = all(map(math.isfinite, (self.azimuth, self.elevation, self.zoom)))
        if not (finite and self.zoom > 0 and self.distance > 0):
            raise DataError(f"{self}: expected finite angles, and zoom and distance above 0")

    @property
    def axes(self) -> NDArray[np.float64]:
        """Unit vectors right, up and towards the viewer in mesh coordinates, one per row.

        Example:
            >>> Camera(90, 0).axes.round(6).tolist()[2]
            [1.0, 0.0, 0.0]
        """
        a, e = math.radians(self.azimuth), math.radians(self.elevation)
        return np.array(
            [
                [math.cos(a), 0.0, -math.sin(a)],
                [-math.sin(e) * math.sin(a), math.cos(e), -math.sin(e) * math.cos(a)],
                [math.cos(e) * math.sin(a), math.sin(e), math.cos(e) * math.cos(a)],
            ]
        )

    def project(
        self, vertices: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Project vertices to picture coordinates (V, 2) in [-1, 1], y up, and nearness (V).

        Nearness is linear in picture coordinates and larger for nearer points.

        Raises:
            DataError: a vertex is not in front of the camera.
        """
        right, up, near = self.axes @ vertices.T
        if math.isinf(self.distance):
            return self.zoom * np.stack([right, up], axis=1), near
        left_over = self.distance - near
        if left_over.min() <= 0:
            raise DataError(
                f"a camera at distance {self.distance:g} stands inside the mesh: move it away"
            )
        scale = self.zoom * self.distance / left_over
        return np.stack([scale * right, scale * up], axis=1), 1 / left_over
