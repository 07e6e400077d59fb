"""Sets of picture files, decoded by a thread pool and written as records."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data.bad_examples import BadExamples
from seatbelt_vae.data.image_records import About, image_record, write_set
from seatbelt_vae.data.level_use import LevelUse
from seatbelt_vae.data.readers.file_tree import Tree
from seatbelt_vae.data.readers.picture_decoding import Decoded
from seatbelt_vae.errors import DataError

__all__ = ["Picture", "PictureFiles", "side_of"]

_SIDE = 64
_LARGEST_SIDE = 1024
_AT_ONCE = 256


def side_of(config: DataConfig) -> int:
    """Side in pixels of the decoded pictures.

    Raises:
        DataError: above the largest supported side.
    """
    side = config.image_size or _SIDE
    if side > _LARGEST_SIDE:
        raise DataError(f"{config.name!r} at {side} pixels: expected at most {_LARGEST_SIDE}")
    return side


@dataclass(frozen=True)
class Picture:
    """A picture file and its factor values."""

    name: str
    factors: tuple[int, ...] = ()


@dataclass(frozen=True)
class PictureFiles:
    """The picture files of a set.

    Args:
        tree: the folder or archive of the files.
        train: training pictures, or all pictures.
        test: test pictures; if empty, a random tenth of the others is held out.
        decode: decodes the content of a file, or raises DataError.
        bad: handles unreadable files.
        use: collects the stored values.
    """

    tree: Tree
    train: Sequence[Picture]
    test: Sequence[Picture]
    decode: Callable[[bytes], Decoded]
    bad: BadExamples
    use: LevelUse = field(default_factory=LevelUse)

    def write(self, cache: Path, image_shape: tuple[int, int, int], about: About) -> None:
        """Write the set's cache file.

        Args:
            cache: the file.
            image_shape: (C, H, W).
            about: the description; the split and skipped files are added.

        Raises:
            DataError: an unreadable file that may not be skipped, or no readable one in a split.
            ArtifactError: the cache cannot be written.
        """
        record = image_record(image_shape, len(about.factors))
        kept, names = list[int](), list[str]()

        def blocks() -> Iterator[NDArray[Any]]:
            for pictures in (self.train, self.test):
                kept.append(0)
                for block in self._records(pictures, record, names):
                    kept[-1] += len(block)
                    yield block
                if pictures and not kept[-1]:
                    raise DataError(
                        f"{self.tree.place} has no good picture among {len(pictures):,}: "
                        f"{self.bad.errors[0]}"
                    )

        def completed() -> About:
            test_from = kept[0] if self.test else None
            notes = about.notes + self.tree.notes + self.use.notes + self.bad.notes
            return replace(about, test_from=test_from, notes=notes)

        write_set(cache, blocks(), record, completed, self.tree.place, lambda: names)

    def _records(
        self, pictures: Sequence[Picture], record: np.dtype[Any], names: list[str]
    ) -> Iterator[NDArray[Any]]:
        """Records of the readable pictures, whose names are appended to ``names``."""
        with ThreadPoolExecutor() as pool:
            for start in range(0, len(pictures), _AT_ONCE):
                some = pictures[start : start + _AT_ONCE]
                rows, good = np.empty(len(some), record), 0
                # warning filters are global to a process, so they are set before the threads start
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    decoded = list(pool.map(self._decoded, some))
                for picture, found in zip(some, decoded, strict=True):
                    if isinstance(found, DataError):
                        self.bad.refuse(found)
                        continue
                    self.use.add(found.levels, found.remarks, equal=found.equal_channels)
                    rows[good] = found.pixels, picture.factors
                    names.append(picture.name)
                    good += 1
                yield rows[:good]

    def _decoded(self, picture: Picture) -> Decoded | DataError:
        try:
            return self.decode(self.tree.read(picture.name))
        except DataError as error:
            place, reason = str(self.tree.place / picture.name), str(error)
            # errors of links and unreadable files name the file themselves
            return DataError(reason if reason.startswith(place) else f"{place}: {reason}")
