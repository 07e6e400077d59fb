"""The source files of a set: the name of its cache file, and a check of links."""

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from seatbelt_vae.data.cache import cache_folder, is_there
from seatbelt_vae.data.readers.reading import reading
from seatbelt_vae.errors import DataError

__all__ = ["cache_of", "check_inside"]


def cache_of(name: str, version: int, sources: Iterable[Path], *settings: Any) -> Path:
    """The cache file of a set; its name changes with every source file and setting.

    Args:
        name: prefix of the file name.
        version: version of the preparation; raised when the same sources give other records.
        sources: source files, identified by path, size and modification time.
        settings: all other values that the records depend on.

    Raises:
        DataError: a file is not accessible, or is a pipe, a socket or a device.
    """
    stated = json.dumps([version, [_identity(path) for path in sources], settings])
    return cache_folder() / f"{name}-{hashlib.sha256(stated.encode()).hexdigest()[:16]}.records"


def check_inside(folder: Path, *paths: Path, follow_links: bool = False) -> None:
    """Check that no path of a folder is a link to a target outside or to nothing.

    In a snapshot of the Hugging Face cache, links to the blobs of its repository are allowed.

    Args:
        folder: the folder.
        paths: paths in it.
        follow_links: allow targets outside.

    Raises:
        DataError: a link that is not allowed.
    """
    inside = folder.resolve()
    allowed = (inside, *_blobs(inside))
    for path in paths:
        target = Path(os.path.realpath(path))  # resolve raises an error for a link to itself
        if not follow_links and not any(map(target.is_relative_to, allowed)):
            raise DataError(
                f"{path} is a link that leads out of its folder, to {target}: allow it with "
                f"follow_links, or give a copy without links"
            )
        if not is_there(target):
            raise DataError(
                f"{path} is a link to {target}, which is not there: restore that, or delete the "
                f"link"
            )


def _blobs(folder: Path) -> Iterator[Path]:
    """The folder ``blobs`` of a repository whose ``snapshots/REVISION`` holds ``folder``."""
    for place in (folder, *folder.parents):
        if place.parent.name == "snapshots":
            yield place.parent.parent / "blobs"


def _identity(path: Path) -> tuple[str, int, int]:
    place = str(path.absolute())
    with reading(path):
        found = path.stat() if path.exists() else path.lstat()
    # a dangling link is reported when it is read
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
        # reading a pipe would block
        raise DataError(f"{place} is a pipe, a socket or a device: expected a file")
    return place, found.st_size, found.st_mtime_ns
