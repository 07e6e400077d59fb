"""Reads files of a data set; errors of the operating system become a `DataError`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seatbelt_vae.errors import DataError

__all__ = ["file_content", "raise_unreadable", "reading"]

_MOST_BYTES = 1 << 30


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise DataError, which names the file, for an OSError of the block."""
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; make it readable") from error


def file_content(path: Path) -> bytes:
    """The content of a file.

    Raises:
        DataError: a file that is not readable, not regular, or larger than 1 GiB.
    """
    with reading(path):
        if not path.is_file():
            raise DataError(f"{path} is no file")
        if (size := path.stat().st_size) > _MOST_BYTES:
            raise DataError(f"{path} has {size:,} bytes, expected at most {_MOST_BYTES:,}")
        return path.read_bytes()


def raise_unreadable(error: OSError) -> None:
    """The ``onerror`` of ``os.walk``: raise DataError, which names the folder."""
    with reading(Path(error.filename)):
        raise error
