"""Members of a zip archive, each read whole into memory and none larger than is believable."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from seatbelt_vae.errors import DataError

__all__ = ["OpenZip", "opened_zip"]

_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,  # encrypted, or a feature of ZIP that is not supported
    ValueError,
    EOFError,
    OSError,
)


@dataclass(frozen=True)
class OpenZip:
    """An archive that is open for reading.

    Args:
        path: where it lies.
        archive: its contents.
        most_bytes: larger members are refused.
    """

    path: Path
    archive: zipfile.ZipFile
    most_bytes: int

    def read(self, name: str) -> bytes | None:
        """A member's content, None if there is no such member.

        Raises:
            DataError: it is too large, or damaged.
        """
        try:
            member = self.archive.getinfo(name)
        except KeyError:
            return None
        if member.file_size > self.most_bytes:
            raise _bad(
                self.path,
                f"{name} unpacks to {member.file_size:,} bytes, expected at most "
                f"{self.most_bytes:,}",
            )
        try:
            # what does not end where its size says fails its checksum
            return self.archive.read(member)
        except _DAMAGES as error:
            raise _bad(self.path, f"{name}: {error}") from error


@contextmanager
def opened_zip(path: Path, most_bytes: int = 1 << 26) -> Iterator[OpenZip]:
    """An archive whose members' names stay inside it.

    Args:
        path: where it lies.
        most_bytes: larger members are refused when they are read.

    Raises:
        DataError: not a whole archive, or a member's name leads out of it.
    """
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGES as error:
        raise _bad(path, str(error)) from error
    with archive:
        for name in archive.namelist():
            place = PurePosixPath(name.replace("\\", "/"))
            if place.is_absolute() or ".." in place.parts:
                raise _bad(path, f"{name!r} leads out of it")
        yield OpenZip(path, archive, most_bytes)


def _bad(path: Path, reason: str) -> DataError:
    return DataError(f"{path} cannot be used: {reason}; get it anew")
