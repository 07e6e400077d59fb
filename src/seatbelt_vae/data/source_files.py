"""The files a set is prepared from: where its cache lies, and that none lies elsewhere."""

import hashlib
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from seatbelt_vae.data.cache import cache_folder, is_there
from seatbelt_vae.errors import DataError

__all__ = ["cache_of", "check_inside"]


def cache_of(name: str, version: int, sources: Iterable[Path], *settings: Any) -> Path:
    """The cache file of a set; another one as soon as a file or a setting is another.

    Args:
        name: what the file's name starts with.
        version: of the preparation; raised when the same sources give other records.
        sources: the files, told apart by place, size and time of change.
        settings: whatever else the records depend on.

    Raises:
        DataError: one may not be looked at, or is a pipe, a socket or a device.
    """
    stated = json.dumps([version, [_told_apart(path) for path in sources], settings])
    return cache_folder() / f"{name}-{hashlib.sha256(stated.encode()).hexdigest()[:16]}.records"


def check_inside(folder: Path, *paths: Path) -> None:
    """Raise unless files found in a folder lie there and none is a link to another place."""
    inside = folder.resolve()
    for path in paths:
        target = Path(os.path.realpath(path))  # unlike resolve, content with a link to itself
        if not target.is_relative_to(inside):
            raise DataError(
                f"{path} is a link that leads out of its folder, to {target}: give that file or "
                f"its folder instead"
            )
        if not is_there(target):
            raise DataError(
                f"{path} is a link to {target}, which is not there: restore that, or delete the "
                f"link"
            )


def _told_apart(path: Path) -> tuple[str, int, int]:
    place = str(path.absolute())
    try:
        found = path.stat() if path.exists() else path.lstat()
    except OSError as error:
        raise DataError(
            f"cannot look at {error.filename}: {error.strerror}; make it readable"
        ) from error
    # a link to nowhere is met again, and named, when it is read
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
        # reading a pipe would wait for ever
        raise DataError(f"{place} is a pipe, a socket or a device: expected a file")
    return place, found.st_size, found.st_mtime_ns
