"""Pictures of the chairs of Sweet Home 3D, drawn from 31 azimuths and two elevations."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.data.bad_examples import BadExamples
from seatbelt_vae.data.dataset import Factor
from seatbelt_vae.data.rendering import Camera, Look, Mesh, render
from seatbelt_vae.data.sets.furniture import Chair, chairs_of, read_mesh
from seatbelt_vae.errors import DataError

__all__ = ["DrawnChairs"]

_ELEVATIONS = (20, 30)
_AZIMUTHS = tuple(360 * step / 31 for step in range(31))
# size in the frame, perspective and light direction as in the published pictures
_ZOOM, _DISTANCE = 0.628, 5.7
_LIGHT = (0.3, 0.8, 0.52)
_LOOK = Look(ambient=0.25, diffuse=0.75, background=1.0)


@dataclass(frozen=True)
class DrawnChairs:
    """Drawn pictures of the chairs in some archives.

    Args:
        files: the .sh3f archives.
    """

    files: tuple[Path, ...]
    action: ClassVar[str] = "drawn from Sweet Home 3D's furniture"

    @cached_property
    def chairs(self) -> list[Chair]:
        """All chairs in the archives.

        Raises:
            DataError: an unreadable archive, or no chair.
        """
        found = [chair for path in self.files for chair in chairs_of(path)]
        if not found:
            raise DataError(f"no chair in {', '.join(map(str, self.files))}: add other archives")
        return found

    @property
    def credits(self) -> tuple[str, ...]:
        """Author and licence of each chair."""
        return tuple(chair.credit for chair in self.chairs)

    @property
    def factors(self) -> tuple[Factor, ...]:
        """The factors of variation."""
        return (
            Factor.named("model", [chair.model for chair in self.chairs]),
            Factor.named("azimuth", [f"{angle:.1f}°" for angle in _AZIMUTHS]),
            Factor.named("elevation", [f"{angle}°" for angle in _ELEVATIONS]),
        )

    def images(self, bad: BadExamples) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Pictures (B, 64, 64) and factors (B, 3), one block per chair.

        Args:
            bad: handles unreadable meshes.

        Raises:
            DataError: an unreadable mesh that may not be skipped.
        """
        for index, chair in enumerate(self.chairs):
            with bad.each():
                yield _sides_of(read_mesh(chair).centred(), index)


def _sides_of(mesh: Mesh, model: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    pictures, factors = [], []
    for a, azimuth in enumerate(_AZIMUTHS):
        for e, elevation in enumerate(_ELEVATIONS):
            # the camera moves clockwise as seen from above
            camera = Camera(-azimuth, elevation, _ZOOM, _DISTANCE)
            pictures.append(render(mesh, camera, [_LIGHT], _LOOK)[0])
            factors.append((model, a, e))
    return np.array(pictures), np.array(factors)
