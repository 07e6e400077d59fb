"""Sets of pictures of the `datasets` library: a local copy, or a downloaded set."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data.bad_examples import BadExamples
from seatbelt_vae.data.cache import is_there
from seatbelt_vae.data.dataset import Factor, ImageData
from seatbelt_vae.data.image_records import About, image_record, read_set, write_set
from seatbelt_vae.data.picture_files import side_of
from seatbelt_vae.data.preparation import Preparation
from seatbelt_vae.data.readers import datasets_library
from seatbelt_vae.data.readers.picture_decoding import is_colour, pixels_of
from seatbelt_vae.data.source import Source
from seatbelt_vae.data.source_files import cache_of
from seatbelt_vae.data.split_names import roles_of, split_in
from seatbelt_vae.errors import DataError

__all__ = ["SOURCES", "download", "load", "preparation"]

SOURCES = {
    "hf:NAME": Source(
        "pictures in the format of the `datasets` library, such as hf:ylecun/mnist",
        "read from hf:/path/to/a/copy, from --root, or from what `data prepare --download` fetched",
        __name__,
        skippable=True,
        downloadable=True,
    ),
}

_VERSION = 4


def load(config: DataConfig) -> ImageData:
    """Images at 64 pixels or the size asked for; columns of type ``ClassLabel`` are factors.

    Splits for training and test, or training and validation, are kept. Otherwise a tenth of
    train, or of the only split, is held out.

    Raises:
        DataError: no copy on this machine, or a copy that is not as expected.
    """
    return read_set(preparation(config).file(), config)


def preparation(config: DataConfig) -> Preparation:
    """The cache file of a local copy, or of a set that the library has downloaded."""
    place = _place(config)
    if isinstance(place, Path) and not (is_there(place) and place.is_dir()):
        raise DataError(f"no such folder: {place}; give the folder of a copy of a data set")
    if not (files := datasets_library.kept_files(place)):
        raise DataError(
            f"{place} is no copy of a data set: expected a folder written by save_to_disk, or one "
            f"of parquet files"
            if isinstance(place, Path)
            else f"{place} is not on this machine: fetch it with "
            f"`seatbelt-vae data prepare {config.name} --download`"
        )
    return Preparation(
        cache_of("hf", _VERSION, files, side_of(config), config.skip_bad),
        f"prepared from the copy of {place}",
        lambda cache: _Conversion.of(place, config).write(cache),
    )


def download(config: DataConfig) -> None:
    """Download the set with the library.

    Raises:
        DataError: the name is a local copy, or the download failed.
    """
    place = _place(config)
    if isinstance(place, Path):
        raise DataError(f"{place} is a local copy: there is nothing to download")
    datasets_library.download(place)


def _place(config: DataConfig) -> str | Path:
    """The folder of a local copy, or the name of a set."""
    name = config.name.partition(":")[2]
    if config.root is not None:
        return Path(config.root)
    if name.startswith(("/", ".", "~")):
        return Path(name).expanduser()
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", name):
        raise DataError(
            f"{config.name!r} names no data set: expected hf:NAME, hf:OWNER/NAME or "
            f"hf:/path/to/a/copy"
        )
    return name


@dataclass
class _Conversion:
    """The conversion of a copy: one pass for the channels, one for pixels and labels.

    Args:
        place: folder or name of the copy.
        splits: the splits that are used, in order.
        columns: the columns that are used.
        side: side of the images in pixels.
        bad: handles unreadable examples.
        training: names of the training splits; empty if a random tenth is held out.
        unread: notes on the splits and columns that are not used.
        kept: number of readable examples of each split.
    """

    place: str | Path
    splits: dict[str, Any]
    columns: datasets_library.Columns
    side: int
    bad: BadExamples
    training: list[str]
    unread: tuple[str, ...]
    kept: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, place: str | Path, config: DataConfig) -> Self:
        found = datasets_library.open_copy(place)
        roles = roles_of(found)
        used = [*roles] or [name for name in found if len(found) == 1 or _is_training(name)]
        if not roles and len(used) != 1:
            raise DataError(f"{place} has splits {', '.join(found)}: expected train among them")
        splits = {name: found[name] for name in sorted(used, key=_is_training, reverse=True)}
        columns = datasets_library.columns_of(place, splits)
        training = [name for name in roles if _is_training(name)]
        notes = [f"split {name} passed over" for name in found if name not in splits]
        known = {columns.image, *columns.labels}
        if unread := [name for name in splits[used[0]].features if name not in known]:
            notes.append(f"columns passed over: {', '.join(unread)}")
        bad = BadExamples(config.skip_bad)
        return cls(place, splits, columns, side_of(config), bad, training, tuple(notes))

    def write(self, cache: Path) -> None:
        channels = 3 if self._any_colour() else 1
        record = image_record((channels, self.side, self.side), len(self.columns.labels))
        write_set(cache, self._blocks(record), record, self._about, self.place)

    def _about(self) -> About:
        return About(
            tuple(Factor.named(*column) for column in self.columns.labels.items()),
            sum(self.kept[name] for name in self.training) if self.training else None,
            self.unread + self.bad.notes,
        )

    def _any_colour(self) -> bool:
        for rows in self.splits.values():
            for batch in datasets_library.examples(self.place, rows, self.columns):
                for example in batch:
                    # an unreadable picture is reported when it is decoded
                    with suppress(DataError):
                        if is_colour(_picture(example)):
                            return True
        return False

    def _blocks(self, record: np.dtype[Any]) -> Iterator[NDArray[Any]]:
        for split, rows in self.splits.items():
            start = 0
            for batch in datasets_library.examples(self.place, rows, self.columns):
                good = np.empty(len(batch), record)
                kept = 0
                for row, example in enumerate(batch, start):
                    with self.bad.each(), self._naming(row, split):
                        labels = self._labels(example)
                        picture = pixels_of(_picture(example), record["image"].shape[0], self.side)
                        good[kept] = picture, labels
                        kept += 1
                start += len(batch)
                self.kept[split] += kept
                yield good[:kept]
            if not self.kept[split]:
                raise DataError(f"{self.place} has no good example in its split {split}")

    def _labels(self, example: datasets_library.Example) -> tuple[int, ...]:
        for label, (name, classes) in zip(example.labels, self.columns.labels.items(), strict=True):
            if label is None or not 0 <= label < len(classes):
                raise DataError(f"its {name} is {label}, expected 0 to {len(classes) - 1}")
        return tuple(label or 0 for label in example.labels)

    @contextmanager
    def _naming(self, row: int, split: str) -> Iterator[None]:
        try:
            yield
        except DataError as error:
            raise DataError(f"{self.place}: example {row} of {split}: {error}") from error


def _is_training(split: str) -> bool:
    stated = split_in(split)
    return stated is not None and stated[0] == "train"


def _picture(example: datasets_library.Example) -> bytes:
    if example.picture is None:
        raise DataError("it has no picture inside the copy: write one with save_to_disk")
    return example.picture
