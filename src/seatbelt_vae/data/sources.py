"""The files a set is prepared from: where its cache lies, and that none lies elsewhere."""

import hashlib
import json
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from seatbelt_vae.data.cache import cache_folder
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
    try:
        stats = [(str(path.absolute()), path.stat()) for path in sources]
    except OSError as error:
        raise DataError(
            f"cannot look at {error.filename}: {error.strerror}; make it readable"
        ) from error
    for place, found in stats:
        if not stat.S_ISREG(found.st_mode):
            # reading a pipe would wait for ever
            raise DataError(f"{place} is a pipe, a socket or a device: expected a file")
    files = [(place, found.st_size, found.st_mtime_ns) for place, found in stats]
    stated = json.dumps([version, files, settings])
    return cache_folder() / f"{name}-{hashlib.sha256(stated.encode()).hexdigest()[:16]}.records"


def check_inside(folder: Path, *paths: Path) -> None:
    """Raise unless files found in a folder lie there and none is a link to another place."""
    inside = folder.resolve()
    for path in paths:
        if not path.resolve().is_relative_to(inside):
            raise DataError(
                f"{path} is a link that leads out of its folder, to {path.resolve()}: give that "
                f"file or its folder instead"
            )
