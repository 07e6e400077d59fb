"""CelebA (Liu et al. 2015): aligned photographs, their central 148 of 178 pixels or uncropped."""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypeVar

from seatbelt_vae.config import DataConfig, ReadingConfig
from seatbelt_vae.data.bad_examples import BadExamples
from seatbelt_vae.data.cache import is_there
from seatbelt_vae.data.dataset import Factor, ImageData
from seatbelt_vae.data.image_records import About, read_set
from seatbelt_vae.data.picture_files import Picture, PictureFiles, side_of
from seatbelt_vae.data.preparation import Preparation
from seatbelt_vae.data.readers.file_tree import Tree, opened_tree
from seatbelt_vae.data.readers.picture_decoding import Decoded, decoded, opened_picture
from seatbelt_vae.data.sets.celeba_lists import (
    ATTRIBUTES,
    PARTITION,
    list_file,
    read_attributes,
    read_partition,
)
from seatbelt_vae.data.source import PICTURE_OPTIONS, Source
from seatbelt_vae.data.source_files import cache_of, check_inside
from seatbelt_vae.errors import DataError

__all__ = ["SOURCES", "load", "preparation"]

_UNCROPPED = "celeba-uncropped"
SOURCES = {
    name: Source(
        f"202,599 colour photographs of faces, aligned{cut}; 40 attributes",
        "read from --root: img_align_celeba/ or its .zip, list_attr_celeba.txt and "
        "list_eval_partition.txt",
        __name__,
        options=PICTURE_OPTIONS,
        single_file=True,
        licence="Liu et al. 2015; for research that is not commercial",
        latent_sizes=(256, 128, 64, 32),
    )
    for name, cut in {"celeba": "", _UNCROPPED: ", whole and stretched to a square"}.items()
}

_VERSION = 1
_PHOTOGRAPHS = "img_align_celeba"
_WIDTH, _HEIGHT, _MIDDLE = 178, 218, 148
_Value = TypeVar("_Value")

_NAME = re.compile(r"\d{6}\.(jpg|png)")


def load(config: DataConfig) -> ImageData:
    """Colour images at 64 pixels or the size asked for; the attributes are factors.

    The published partition is kept, without its validation part. Without the partition file a
    tenth is held out at random.

    Raises:
        DataError: no photographs, an unreadable one that may not be skipped, or lists that do not
            match them.
    """
    return read_set(preparation(config).file(), config)


def preparation(config: DataConfig) -> Preparation:
    """The cache file of the photographs and lists under root."""
    if config.root is None:
        raise DataError(
            f"CelebA is for research and not passed on here: get {_PHOTOGRAPHS}.zip, "
            f"{ATTRIBUTES}.txt and {PARTITION}.txt from its authors, and give their folder as root"
        )
    place, side = _photographs(Path(config.root)), side_of(config)
    lists = [list_file(_beside(place), name) for name in (ATTRIBUTES, PARTITION)]
    links = config.follow_links
    check_inside(Path(config.root), place, follow_links=links)
    check_inside(_beside(place), *filter(None, lists), follow_links=links)
    with opened_tree(place, BadExamples(config.skip_bad), follow_links=links) as tree:
        files = [*tree.sources, *filter(None, lists)]
        cache = cache_of(config.name, _VERSION, files, side, config.chosen_reading)

    def write(cache: Path) -> None:
        bad = BadExamples(config.skip_bad)
        with opened_tree(place, bad, follow_links=links) as tree:
            _Sources(tree, *lists).write(cache, config, bad)

    return Preparation(cache, f"prepared from {place}", write)


def _photographs(root: Path) -> Path:
    """The folder or archive of the photographs: by its name, or else root or its only archive."""
    if not root.is_dir():
        return root
    candidates = (root / _PHOTOGRAPHS, root / f"{_PHOTOGRAPHS}.zip")
    if found := next((place for place in candidates if is_there(place)), None):
        return found
    archives = [path for path in root.glob("*") if path.suffix == ".zip"]
    others = any(path.is_dir() or _NAME.fullmatch(path.name) for path in root.glob("*"))
    return archives[0] if len(archives) == 1 and not others else root


def _beside(place: Path) -> Path:
    """The folder of the lists: that of the photographs, or its parent."""
    inside = place.is_dir() and any(list_file(place, name) for name in (ATTRIBUTES, PARTITION))
    return place if inside else place.parent


@dataclass(frozen=True)
class _Sources:
    """The files of the set.

    Args:
        tree: the photographs.
        attributes, partition: the list files, if they exist.
    """

    tree: Tree
    attributes: Path | None
    partition: Path | None

    def write(self, cache: Path, config: DataConfig, bad: BadExamples) -> None:
        names = [name for name in self.tree.names if _NAME.fullmatch(PurePosixPath(name).name)]
        if not names:
            raise DataError(
                f"{self.tree.place} has no photograph named like 000001.jpg: give the folder that "
                f"holds {_PHOTOGRAPHS}/ or {_PHOTOGRAPHS}.zip as root, or the archive itself"
            )
        factors, pictures, notes = self._labelled(names)
        train, test, more = self._split(pictures)
        channels, side = config.channels or 3, side_of(config)
        middle = None if config.name == _UNCROPPED else _MIDDLE / _WIDTH
        decode = partial(_face, channels=channels, side=side, reading=config, middle=middle)
        files = PictureFiles(self.tree, train, test, decode, bad)
        files.write(cache, (channels, side, side), About(factors, notes=(*notes, *more)))

    def _labelled(
        self, names: list[str]
    ) -> tuple[tuple[Factor, ...], list[Picture], tuple[str, ...]]:
        """The attributes as factors, the photographs with their values, and notes."""
        if self.attributes is None:
            return (), [Picture(name) for name in names], (f"no {ATTRIBUTES}, so no attributes",)
        attributes, values = read_attributes(self.attributes)
        pictures = [Picture(name, self._listed(name, self.attributes, values)) for name in names]
        return tuple(Factor(name, 2, ("no", "yes")) for name in attributes), pictures, ()

    def _split(
        self, pictures: list[Picture]
    ) -> tuple[list[Picture], list[Picture], tuple[str, ...]]:
        """The photographs of the training part and of the test part, and notes."""
        held_out = "so a tenth is held out at random"
        if self.partition is None:
            return pictures, [], (f"no {PARTITION}, {held_out}",)
        parts: tuple[list[Picture], ...] = ([], [], [])
        listed = read_partition(self.partition)
        for picture in pictures:
            parts[self._listed(picture.name, self.partition, listed)].append(picture)
        train, validation, test = parts
        if not train:
            raise DataError(f"{self.partition}: {self.tree.place} has no photograph of part 0")
        notes = []
        if validation:
            notes.append(f"{len(validation):,} photographs of the validation part left out")
        if not test:
            notes.append(f"no photograph of the test part, {held_out}")
        return train, test, tuple(notes)

    def _listed(self, name: str, path: Path, values: dict[str, _Value]) -> _Value:
        try:
            return values[PurePosixPath(name).stem]
        except KeyError:
            raise DataError(
                f"{path} does not list {name}, which {self.tree.place} holds: get it anew"
            ) from None


def _face(
    content: bytes, channels: int, side: int, reading: ReadingConfig, middle: float | None
) -> Decoded:
    with opened_picture(content) as picture:
        # resized copies with the aspect ratio of the published photographs are accepted
        width, height = picture.size
        if abs(width * _HEIGHT - height * _WIDTH) > max(_WIDTH, _HEIGHT):
            raise DataError(f"it has {width}×{height} pixels, expected {_WIDTH}×{_HEIGHT}")
    return decoded(content, channels, side, reading, middle=middle)
