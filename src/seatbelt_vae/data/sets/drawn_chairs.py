"""Our own pictures of the chairs among Sweet Home 3D's furniture, from 31 sides and two heights."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.data.bad_examples import Screen
from seatbelt_vae.data.dataset import Factor
from seatbelt_vae.data.rendering import Camera, Look, Mesh, render
from seatbelt_vae.data.sets.furniture import Chair, chairs_of, read_mesh
from seatbelt_vae.errors import DataError

__all__ = ["DrawnChairs"]

_ELEVATIONS = (20, 30)
_AZIMUTHS = tuple(360 * step / 31 for step in range(31))
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
    def factors(self) -> tuple[Factor, ...]:
        """What varies."""
        return (
            Factor.named("model", [chair.model for chair in self.chairs]),
            Factor.named("azimuth", [f"{angle:.1f}°" for angle in _AZIMUTHS]),
            Factor.named("elevation", [f"{angle}°" for angle in _ELEVATIONS]),
        )

    def images(self, screen: Screen) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Blocks of pictures (B, 64, 64) and of their factors (B, 3), a chair each.

        Args:
            screen: what becomes of bad meshes.

        Raises:
            DataError: a mesh cannot be read, and none may be left out.
        """
        for index, chair in enumerate(self.chairs):
            with screen.each():
                yield _sides_of(read_mesh(chair).centred(), index)


def _sides_of(mesh: Mesh, model: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    pictures, factors = [], []
    for a, azimuth in enumerate(_AZIMUTHS):
        for e, elevation in enumerate(_ELEVATIONS):
            # seen from above the camera goes round clockwise
            camera = Camera(-azimuth, elevation, _ZOOM, _DISTANCE)
            pictures.append(render(mesh, camera, [_LIGHT], _LOOK)[0])
            factors.append((model, a, e))
    return np.array(pictures), np.array(factors)
