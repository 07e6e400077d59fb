"""Our own pictures of the chairs among Sweet Home 3D's furniture, from 31 sides and two heights."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.data.rendering import Camera, Look, render
from seatbelt_vae.data.sets.furniture import Chair, chairs_of, read_mesh
from seatbelt_vae.errors import DataError

__all__ = ["DrawnChairs"]

_ELEVATIONS = (20, 30)
# seen from above the camera goes round clockwise
_AZIMUTHS = tuple(-360 * step / 31 for step in range(31))
# as the published pictures have it: size in the frame, perspective, light from above
_ZOOM, _DISTANCE = 0.628, 5.7
_LIGHT = (0.3, 0.8, 0.52)
_LOOK = Look(ambient=0.25, diffuse=0.75, background=1.0)


@dataclass(frozen=True)
class DrawnChairs:
    """The pictures of the chairs of some archives.

    Args:
        files: the .sh3f archives.
    """

    files: tuple[Path, ...]
    made: ClassVar[str] = "drawn from Sweet Home 3D's furniture"

    @cached_property
    def chairs(self) -> list[Chair]:
        """All chairs in the archives.

        Raises:
            DataError: an archive cannot be read, or there are none.
        """
        found = [chair for path in self.files for chair in chairs_of(path)]
        if not found:
            raise DataError(f"no chair in {', '.join(map(str, self.files))}: add other archives")
        return found

    @property
    def credits(self) -> tuple[str, ...]:
        """Who made each chair, and under which licence."""
        return tuple(chair.credit for chair in self.chairs)

    @property
    def factors(self) -> list[tuple[str, list[str]]]:
        """Names of the factors, and of their values in order."""
        return [
            ("model", [chair.model for chair in self.chairs]),
            ("azimuth", [f"{-angle:.1f}°" for angle in _AZIMUTHS]),
            ("elevation", [f"{angle}°" for angle in _ELEVATIONS]),
        ]

    def images(
        self, left_out: list[str] | None
    ) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Blocks of pictures (B, 64, 64) and of their factors (B, 3), a chair each.

        Args:
            left_out: where to note bad meshes that are left out; None to stop at one.

        Raises:
            DataError: a mesh cannot be read, and none may be left out.
        """
        for index, chair in enumerate(self.chairs):
            try:
                mesh = read_mesh(chair).centred()
            except DataError as error:
                if left_out is None:
                    raise
                left_out.append(f"left out: {error}")
                continue
            pictures, factors = [], []
            for a, azimuth in enumerate(_AZIMUTHS):
                for e, elevation in enumerate(_ELEVATIONS):
                    camera = Camera(azimuth, elevation, _ZOOM, _DISTANCE)
                    pictures.append(render(mesh, camera, [_LIGHT], _LOOK)[0])
                    factors.append((index, a, e))
            yield np.array(pictures), np.array(factors)
