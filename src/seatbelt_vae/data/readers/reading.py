"""Errors of the operating system as errors of a data set."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seatbelt_vae.errors import DataError

__all__ = ["raise_unreadable", "reading"]


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise DataError, which names the file, for an OSError of the block."""
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; make it readable") from error


def raise_unreadable(error: OSError) -> None:
    """The ``onerror`` of ``os.walk``: raise DataError, which names the folder."""
    with reading(Path(error.filename)):
        raise error
