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
from seatbelt_vae.data.level_use import LevelUse
from seatbelt_vae.data.picture_files import side_of
from seatbelt_vae.data.preparation import Preparation
from seatbelt_vae.data.readers import datasets_library
from seatbelt_vae.data.readers.picture_decoding import decoded, is_colour
from seatbelt_vae.data.readers.reading import file_content
from seatbelt_vae.data.source import PICTURE_OPTIONS, Source
from seatbelt_vae.data.source_files import cache_of
from seatbelt_vae.data.split_names import roles_of, split_in
from seatbelt_vae.errors import DataError
from seatbelt_vae.references import expanded_path

__all__ = ["SOURCES", "download", "load", "preparation"]

SOURCES = {
    "hf:NAME": Source(
        "pictures in the format of the `datasets` library, such as hf:ylecun/mnist",
        "read from hf:/path/to/a/copy, from --root, or from what `data prepare --download` fetched",
        __name__,
        options=PICTURE_OPTIONS,
        downloadable=True,
    ),
}

_VERSION = 5
_BY_PATH = "read from a file that the copy names, whose changes are not noticed"


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
        raise DataError(
            f"no such folder: {place}; give the folder of a copy of a data set, as root if it moved"
        )
    if not (files := datasets_library.kept_files(place, config.follow_links)):
        raise DataError(
            f"{place} is no copy of a data set: expected a folder written by save_to_disk, or one "
            f"of parquet files"
            if isinstance(place, Path)
            else f"{place} is not on this machine: fetch it with "
            f"`seatbelt-vae data prepare {config.name} --download`"
        )
    return Preparation(
        cache_of("hf", _VERSION, files, side_of(config), config.chosen_reading),
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
        return _snapshot(Path(config.root))
    if name.startswith(("/", ".", "~")):
        return _snapshot(expanded_path(name, DataError))
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", name):
        raise DataError(
            f"{config.name!r} names no data set: expected hf:NAME, hf:OWNER/NAME or "
            f"hf:/path/to/a/copy"
        )
    return name


def _snapshot(folder: Path) -> Path:
    """The folder itself, or the current snapshot of a repository in the Hugging Face cache."""
    main = folder / "refs" / "main"
    if not (is_there(folder / "snapshots") and is_there(main)):
        return folder
    return folder / "snapshots" / Path(file_content(main).decode(errors="replace").strip()).name


@dataclass
class _Conversion:
    """The conversion of a copy: one pass for the channels, one for pixels and labels.

    Args:
        place: folder or name of the copy.
        splits: the splits that are used, in order.
        columns: the columns that are used.
        config: the size of the images, and how pictures are read.
        bad: handles unreadable examples.
        training: names of the training splits; empty if a random tenth is held out.
        unread: notes on the splits and columns that are not used.
        kept: number of readable examples of each split.
        use: collects the stored values.
    """

    place: str | Path
    splits: dict[str, Any]
    columns: datasets_library.Columns
    config: DataConfig
    bad: BadExamples
    training: list[str]
    unread: tuple[str, ...]
    kept: Counter[str] = field(default_factory=Counter)
    use: LevelUse = field(default_factory=LevelUse)

    @classmethod
    def of(cls, place: str | Path, config: DataConfig) -> Self:
        found = datasets_library.open_copy(place, config.follow_links)
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
        return cls(place, splits, columns, config, bad, training, tuple(notes))

    def write(self, cache: Path) -> None:
        channels = self.config.channels or (3 if self._any_colour() else 1)
        side = side_of(self.config)
        record = image_record((channels, side, side), len(self.columns.labels))
        write_set(cache, self._blocks(record), record, self._about, self.place)

    def _about(self) -> About:
        return About(
            tuple(Factor.named(*column) for column in self.columns.labels.items()),
            sum(self.kept[name] for name in self.training) if self.training else None,
            self.unread + self.use.notes + self.bad.notes,
        )

    def _any_colour(self) -> bool:
        for rows in self.splits.values():
            for batch in datasets_library.examples(self.place, rows, self.columns):
                for example in batch:
                    # an unreadable picture is reported when it is decoded
                    with suppress(DataError):
                        if is_colour(self._picture(example), self.config):
                            return True
        return False

    def _blocks(self, record: np.dtype[Any]) -> Iterator[NDArray[Any]]:
        channels, side, _ = record["image"].shape
        for split, rows in self.splits.items():
            start = 0
            for batch in datasets_library.examples(self.place, rows, self.columns):
                good = np.empty(len(batch), record)
                kept = 0
                for row, example in enumerate(batch, start):
                    with self.bad.each(), self._naming(row, split):
                        labels = self._labels(example)
                        found = decoded(self._picture(example), channels, side, self.config)
                        remarks = (*found.remarks, *([_BY_PATH] if not example.picture else []))
                        self.use.add(found.levels, remarks, equal=found.equal_channels)
                        good[kept] = found.pixels, labels
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

    def _picture(self, example: datasets_library.Example) -> bytes:
        """The content of the picture, which is in the copy or in a file that the copy names.

        The file must lie below the copy or the current directory, unless links are followed.
        """
        if example.picture is not None:
            return example.picture
        folders = [Path.cwd(), *([self.place] if isinstance(self.place, Path) else [])]
        for folder in folders:
            path = folder / (example.path or "")
            if path.is_file():
                inside = any(path.resolve().is_relative_to(one.resolve()) for one in folders)
                if inside or self.config.follow_links:
                    return file_content(path)
                raise DataError(
                    f"its picture is the file {path}, outside the copy: allow it with "
                    f"follow_links, or write a copy with save_to_disk"
                )
        raise DataError("it has no picture inside the copy: write one with save_to_disk")


def _is_training(split: str) -> bool:
    stated = split_in(split)
    return stated is not None and stated[0] == "train"
