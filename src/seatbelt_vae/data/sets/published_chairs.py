"""Published pictures of chairs (Aubry et al. 2014), cropped and shrunk (Kulkarni et al. 2015).

Layout: ``rendered_chairs/<model>/renders/image_NNN_pELEVATION_tAZIMUTH_rDISTANCE.png``, 600×600
pixels. The middle 400×400 hold nearly all of every chair.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import ReadingConfig
from seatbelt_vae.data.bad_examples import BadExamples
from seatbelt_vae.data.dataset import Factor
from seatbelt_vae.data.readers.picture_decoding import decoded, opened_picture
from seatbelt_vae.data.readers.reading import reading
from seatbelt_vae.data.source_files import check_inside
from seatbelt_vae.errors import DataError

__all__ = ["SIDE", "PublishedChairs"]

SIDE = 64

_PUBLISHED_SIDE = 600
_MIDDLE = 400 / 600
_NAME = re.compile(r"image_\d+_p(\d+)_t(\d+)_r\d+\.png")
_AT_ONCE = 512


@dataclass(frozen=True)
class PublishedChairs:
    """The picture files of the published set.

    Args:
        files: all picture files, sorted by model.
        place: folder that links must not lead out of.
        follow_links: links may lead out of it.
    """

    FOLDER: ClassVar[str] = "rendered_chairs"

    files: tuple[Path, ...]
    place: Path
    follow_links: bool
    action: ClassVar[str] = "read from the published pictures"
    credits: ClassVar[tuple[str, ...]] = (
        "Aubry, Maturana, Efros, Russell, Sivic: Seeing 3D chairs, CVPR 2014",
    )

    @classmethod
    def at(cls, tree: Path, place: Path, follow_links: bool) -> "PublishedChairs":
        """Find the pictures under a folder.

        Raises:
            DataError: no pictures.
        """
        files = tuple(sorted(tree.glob("*/renders/*.png")))
        if not files:
            raise DataError(
                f"{tree} has no */renders/*.png: unpack the whole of rendered_chairs.tar there"
            )
        return cls(files, place, follow_links)

    @cached_property
    def factors(self) -> tuple[Factor, ...]:
        """The factors of variation."""
        elevations, azimuths = self._angles
        return (
            Factor.named("model", self._models),
            Factor.named("azimuth", [f"{angle}°" for angle in azimuths]),
            Factor.named("elevation", [f"{angle}°" for angle in elevations]),
        )

    def images(self, bad: BadExamples) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Blocks of pictures (B, 64, 64) and factors (B, 3).

        Args:
            bad: handles unreadable files.

        Raises:
            DataError: an unreadable file that may not be skipped.
        """
        for start in range(0, len(self.files), _AT_ONCE):
            images, factors = [], []
            for path in self.files[start : start + _AT_ONCE]:
                with bad.each():
                    check_inside(self.place, path, follow_links=self.follow_links)
                    elevation, azimuth = _angles_of(path)
                    images.append(_shrunk(path))
                    factors.append(
                        (
                            self._models[path.parts[-3]],
                            self._angles[1].index(azimuth),
                            self._angles[0].index(elevation),
                        )
                    )
            yield (
                np.array(images, np.uint8).reshape(-1, SIDE, SIDE),
                np.array(factors).reshape(-1, 3),
            )

    @cached_property
    def _models(self) -> dict[str, int]:
        names = dict.fromkeys(path.parts[-3] for path in self.files)
        return {name: index for index, name in enumerate(names)}

    @cached_property
    def _angles(self) -> tuple[list[int], list[int]]:
        """Elevations and azimuths of the set, in degrees."""
        found = [_angles_of(path) for path in self.files if _NAME.fullmatch(path.name)]
        return sorted({e for e, _ in found}), sorted({a for _, a in found})


def _angles_of(path: Path) -> tuple[int, int]:
    found = _NAME.fullmatch(path.name)
    if found is None:
        raise DataError(f"{path} is not named like image_001_p020_t011_r096.png: take it away")
    # file names state a full turn as 360 at one elevation and as 0 at the other
    return int(found[1]), int(found[2]) % 360


def _shrunk(path: Path) -> NDArray[np.uint8]:
    try:
        with reading(path):
            content = path.read_bytes()
        with opened_picture(content) as picture:
            if picture.size != (_PUBLISHED_SIDE,) * 2:
                raise DataError(f"it has {picture.width}×{picture.height} pixels, expected 600×600")
        found = decoded(content, 1, SIDE, ReadingConfig(), middle=_MIDDLE, by="BOX")
        return found.pixels.reshape(SIDE, SIDE)
    except DataError as error:
        raise DataError(f"{path}: {error}; get it anew") from error
