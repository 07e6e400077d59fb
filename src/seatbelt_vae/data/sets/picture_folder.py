"""A folder or zip archive of picture files; subfolders are classes.

Layouts: ``a.png`` …; ``cat/a.png`` …, ``dog/…``; or either below folders of splits, such as
``train/`` and ``test/``, or with folders of splits below each class.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import takewhile
from pathlib import Path, PurePosixPath

from seatbelt_vae.config import DataConfig, ReadingConfig
from seatbelt_vae.data.bad_examples import BadExamples
from seatbelt_vae.data.dataset import Factor, ImageData
from seatbelt_vae.data.image_records import About, read_set
from seatbelt_vae.data.picture_files import Picture, PictureFiles, side_of
from seatbelt_vae.data.preparation import Preparation
from seatbelt_vae.data.readers.file_tree import Tree, opened_tree
from seatbelt_vae.data.readers.picture_decoding import decoded, is_colour
from seatbelt_vae.data.source import PICTURE_OPTIONS, Source
from seatbelt_vae.data.source_files import cache_of
from seatbelt_vae.data.split_names import Role, roles_of, split_in
from seatbelt_vae.errors import DataError

__all__ = ["ENDINGS", "SOURCES", "load", "preparation"]

SOURCES = {
    "folder": Source(
        "pictures of your own; subfolders are classes, or splits such as train/ and test/",
        "read from --root, a folder or a .zip of them",
        __name__,
        options=PICTURE_OPTIONS,
        single_file=True,
    ),
}

ENDINGS = (
    *(".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pfm", ".pgm", ".png", ".pnm"),
    *(".ppm", ".tif", ".tiff", ".webp"),
)
"""Suffixes of picture files; other files are ignored."""

_VERSION = 4


def load(config: DataConfig) -> ImageData:
    """Images at 64 pixels or the size asked for, grey if all pictures are; the factor is the class.

    Raises:
        DataError: no picture, an unreadable one that may not be skipped, or mixed layouts.
    """
    return read_set(preparation(config).file(), config)


def preparation(config: DataConfig) -> Preparation:
    """The cache file of the pictures in a folder or an archive."""
    if config.root is None:
        raise DataError(
            "'folder' is read from pictures of your own: give their folder, or a zip archive of "
            "them, as root"
        )
    root, side = Path(config.root), side_of(config)
    links = config.follow_links
    with opened_tree(root, BadExamples(config.skip_bad), follow_links=links) as tree:
        cache = cache_of("folder", _VERSION, tree.sources, side, config.chosen_reading)

    def write(cache: Path) -> None:
        bad = BadExamples(config.skip_bad)
        with opened_tree(root, bad, follow_links=links) as tree:
            _write(tree, cache, config, bad)

    return Preparation(cache, f"prepared from {root}", write)


def _write(tree: Tree, cache: Path, config: DataConfig, bad: BadExamples) -> None:
    names = [name for name in tree.names if PurePosixPath(name).suffix.lower() in ENDINGS]
    if not names:
        raise DataError(
            f"{tree.place} holds no picture: expected files that end in {', '.join(ENDINGS)}"
        )
    splits, notes = _splits(tree.place, names)
    classes = _classes(tree.place, splits)
    train, test = ([_picture(entry, classes) for entry in split.items()] for split in splits)
    side, found = side_of(config), (_in_colour(tree, one.name, config) for one in train + test)
    channels = config.channels or (3 if any(found) else 1)
    decode = partial(decoded, channels=channels, side=side, reading=config)
    unused = len(tree.names) - len(names)
    about = About(
        (Factor.named("class", classes),) if classes else (),
        notes=notes + ((f"{unused:,} files passed over",) if unused else ()),
    )
    PictureFiles(tree, train, test, decode, bad).write(cache, (channels, side, side), about)


def _splits(
    place: Path, names: Sequence[str]
) -> tuple[tuple[dict[str, str], dict[str, str]], tuple[str, ...]]:
    """Names of training and test pictures, each with its class folder, or "" if it has none.

    Returns:
        The pictures of both splits, and notes on the folders that were taken for splits.
    """
    folders = [PurePosixPath(name).parent.parts for name in names]
    # folders common to all pictures are not classes
    first, last = min(folders), max(folders)
    alike = (one == other for one, other in zip(first, last, strict=False))
    above = sum(1 for _ in takewhile(bool, alike))
    below = {name: folder[above:] for name, folder in zip(names, folders, strict=True)}
    for depth in (0, 1):
        stated = Counter(folder[depth] for folder in below.values() if len(folder) > depth)
        if roles := _roles(stated, len(names), depth):
            break
    else:
        classes = {name: _first(folder) for name, folder in below.items()}
        return (classes, {}), _class_notes(place, set(classes.values()))
    splits: dict[str, dict[str, str]] = {"train": {}, "test": {}}
    for name, folder in below.items():
        if len(folder) > depth and folder[depth] in roles:
            within = folder[:depth] + folder[depth + 1 :]
            if within[:1] == folder[depth : depth + 1]:  # as in seg_train/seg_train/…
                within = within[1:]
            splits[roles[folder[depth]]][name] = _first(within)
    return (splits["train"], splits["test"]), _split_notes(roles, stated, len(names))


def _class_notes(place: Path, classes: set[str]) -> tuple[str, ...]:
    """A note on classes that are named like splits; an error if all of them are."""
    alike = sorted(name for name in classes if split_in(name))
    if len(alike) == len(classes) > 1:
        raise DataError(
            f"{place} holds the folders {', '.join(alike)}, which are named like splits: expected "
            f"one for training and one for testing, such as train and test"
        )
    return (f"{', '.join(alike)} read as a class",) if alike else ()


def _roles(stated: Counter[str], pictures: int, depth: int) -> dict[str, Role]:
    """The folders of splits at a depth; below classes, every picture must be in one."""
    roles = roles_of(stated)
    inside = sum(stated[name] for name in roles)
    return roles if depth == 0 or inside == pictures else {}


def _split_notes(roles: dict[str, Role], stated: Counter[str], pictures: int) -> tuple[str, ...]:
    by_role = {
        role: ", ".join(sorted(name for name in roles if roles[name] == role))
        for role in ("train", "test")
    }
    notes = [f"training images in {by_role['train']}, held-out images in {by_role['test']}"]
    notes += [
        f"{count:,} pictures in {name} passed over"
        for name, count in sorted(stated.items())
        if name not in roles
    ]
    if beside := pictures - stated.total():
        notes.append(f"{beside:,} pictures beside these folders passed over")
    return tuple(notes)


def _first(folders: tuple[str, ...]) -> str:
    return folders[0] if folders else ""


def _classes(place: Path, splits: Iterable[dict[str, str]]) -> tuple[str, ...]:
    """Names of the classes; empty if all pictures are in one folder."""
    found = {folder for split in splits for folder in split.values()}
    if "" in found and len(found) > 1:
        raise DataError(
            f"{place} holds pictures beside folders of them: put every picture into the folder of "
            f"its class, or all of them into one"
        )
    return tuple(sorted(found)) if len(found) > 1 else ()


def _picture(entry: tuple[str, str], classes: tuple[str, ...]) -> Picture:
    name, folder = entry
    return Picture(name, (classes.index(folder),) if classes else ())


def _in_colour(tree: Tree, name: str, reading: ReadingConfig) -> bool:
    # an unreadable picture is reported when it is decoded
    with suppress(DataError):
        return is_colour(tree.read(name), reading)
    return False
