"""Copies of data sets of the `datasets` library, opened offline and read in batches.

A copy is a folder written by ``save_to_disk``, a folder of Parquet files, or a downloaded set in
the cache of the library.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from seatbelt_vae.data.cache import is_there, user_caches
from seatbelt_vae.data.readers.reading import raise_unreadable
from seatbelt_vae.data.source_files import check_inside
from seatbelt_vae.data.split_names import split_in
from seatbelt_vae.errors import DataError
from seatbelt_vae.references import expanded_path

__all__ = [
    "Columns",
    "Example",
    "columns_of",
    "download",
    "examples",
    "kept_files",
    "library_cache",
    "open_copy",
]

_BATCH = 256
_KEPT = (".arrow", ".parquet", ".json")


class Columns(NamedTuple):
    """The columns of a copy that are used.

    Args:
        image: name of the column of pictures.
        labels: names of the label columns, each with its class names.
    """

    image: str
    labels: dict[str, tuple[str, ...]]


class Example(NamedTuple):
    """One example.

    Args:
        picture: content of the picture file, if the copy holds it.
        path: path of the picture file, if the copy states one.
        labels: one class number per label column; None or -1 if unknown.
    """

    picture: bytes | None
    path: str | None
    labels: tuple[int | None, ...]


def kept_files(place: str | Path, follow_links: bool) -> list[Path]:
    """The files of a copy: those below a folder, or those in the cache of the library.

    Raises:
        DataError: a link out of the folder, or a folder that is not readable.
    """
    folder = place if isinstance(place, Path) else _kept_under(place)
    below = os.walk(folder, onerror=raise_unreadable) if is_there(folder) else ()
    names = [Path(parent) / name for parent, _, found in below for name in found]
    files = sorted(path for path in names if path.suffix in _KEPT)
    check_inside(folder, *files, follow_links=follow_links)
    return files


def open_copy(place: str | Path, follow_links: bool) -> dict[str, Any]:
    """Open the splits of a copy without the network.

    Raises:
        DataError: the library is not installed, or the copy is incomplete or corrupt.
    """
    datasets = _library()
    with _named_errors(place), _offline():
        if isinstance(place, str):
            return dict(datasets.load_dataset(place, cache_dir=str(library_cache())))
        if (place / "dataset_dict.json").exists():
            return _inside(place, dict(datasets.load_from_disk(place)), follow_links)
        if (place / "state.json").exists():
            return _inside(place, {"train": datasets.load_from_disk(place)}, follow_links)
        parts: dict[str, list[str]] = {}
        for path in kept_files(place, follow_links):
            if path.suffix == ".parquet":
                parts.setdefault(_split_of(path.relative_to(place)), []).append(str(path))
        if not parts:
            raise DataError(
                f"{place} is no copy of a data set: expected a folder written by save_to_disk, or "
                f"one of parquet files"
            )
        cache = str(library_cache())
        parquet = datasets.load_dataset(
            "parquet", data_files=parts, streaming=True, cache_dir=cache
        )
        return dict(parquet)


def download(name: str) -> None:
    """Download a set into the cache of the library.

    Raises:
        DataError: the library is not installed, no such set, or no network.
    """
    datasets = _library()
    with _named_errors(name):
        datasets.load_dataset(name, cache_dir=str(library_cache()))


def columns_of(place: str | Path, splits: dict[str, Any]) -> Columns:
    """Choose the columns by their types.

    Raises:
        DataError: not exactly one column of pictures, or splits with different columns.
    """
    datasets = _library()
    found = []
    for rows in splits.values():
        features = rows.features or {}
        pictures = [name for name, kind in features.items() if _has_pictures(kind)]
        if len(pictures) != 1:
            held = ", ".join(pictures or features) or "none"
            raise DataError(
                f"{place} has the columns {held}: expected exactly one of pictures (type Image, "
                f"or a struct of bytes and path)"
            )
        labels = {
            name: tuple(kind.names)
            for name, kind in features.items()
            if isinstance(kind, datasets.ClassLabel)
        }
        found.append(Columns(pictures[0], labels))
    if any(columns != found[0] for columns in found):
        raise DataError(f"{place} has splits with other columns or classes than the first one")
    return found[0]


def _has_pictures(kind: Any) -> bool:
    """Whether a column is of type ``Image``, or of its stored form, which other programs write."""
    stored = isinstance(kind, dict) and kind.keys() == {"bytes", "path"}
    return stored or isinstance(kind, _library().Image)


def examples(place: str | Path, rows: Any, columns: Columns) -> Iterator[list[Example]]:
    """The examples of a split in batches, in order.

    Raises:
        DataError: the copy is corrupt.
    """
    datasets = _library()
    with _named_errors(place):
        # undecoded, because our decoder limits the size of pictures
        raw = rows.cast_column(columns.image, datasets.Image(decode=False))
        raw = raw.select_columns([columns.image, *columns.labels])
        for batch in raw.iter(batch_size=_BATCH):
            labels = [batch[name] for name in columns.labels]
            yield [
                Example(
                    picture and picture["bytes"],
                    picture and picture["path"],
                    tuple(label[row] for label in labels),
                )
                for row, picture in enumerate(batch[columns.image])
            ]


def library_cache() -> Path:
    """The cache folder of the library, by its rule, without importing it."""
    home = os.environ.get("HF_HOME") or user_caches("HF_HOME") / "huggingface"
    return expanded_path(os.environ.get("HF_DATASETS_CACHE") or Path(home) / "datasets", DataError)


def _kept_under(name: str) -> Path:
    """The folder of a set in the cache of the library, by its naming rule."""
    *owner, own = name.split("/")
    words = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", own)
    words = re.sub(r"([a-z\d])([A-Z])", r"\1_\2", words).lower()
    return library_cache() / "___".join([*owner, words])


def _inside(folder: Path, splits: dict[str, Any], follow_links: bool) -> dict[str, Any]:
    """Check that all mapped files of the splits lie in the folder."""
    for rows in splits.values():
        files = [Path(file["filename"]) for file in rows.cache_files]
        check_inside(folder, *files, follow_links=follow_links)
    return splits


def _split_of(path: Path) -> str:
    """The split named by a path such as data/test-00000-of-00001.parquet."""
    stated = (split_in(re.split(r"[-.]", part)[0]) for part in path.parts)
    return next((found[0] for found in stated if found), "train")


def _library() -> Any:
    try:
        import datasets
    except ImportError:
        raise DataError(
            "sets named hf:NAME need the `datasets` library, which is missing: "
            "`pip install 'seatbelt-vae[hub]'`"
        ) from None
    return datasets


@contextmanager
def _offline() -> Iterator[None]:
    """Context in which the library makes no request."""
    from datasets import config
    from huggingface_hub import constants

    before = config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
    config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before


@contextmanager
def _named_errors(place: str | Path) -> Iterator[None]:
    import pyarrow as pa
    from datasets.exceptions import DatasetsError

    try:
        yield
    except (
        *(DatasetsError, pa.ArrowException),
        *(OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError),
    ) as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise DataError(f"{place} cannot be read as a data set: {reason}") from error
