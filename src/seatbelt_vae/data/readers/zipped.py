"""Members of a zip archive, read into memory up to a size limit."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from seatbelt_vae.errors import DataError

__all__ = ["ZIP_DAMAGES", "OpenZip", "opened_zip"]

ZIP_DAMAGES = (
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
        path: path of the archive.
        archive: the open archive.
        most_bytes: largest accepted size of a member.
    """

    path: Path
    archive: zipfile.ZipFile
    most_bytes: int

    def read(self, name: str) -> bytes | None:
        """The content of a member, or None if there is no such member.

        Raises:
            DataError: the member is too large or damaged.
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
            # a member of another length than stated fails its checksum
            return self.archive.read(member)
        except ZIP_DAMAGES as error:
            raise _bad(self.path, f"{name}: {error}") from error


@contextmanager
def opened_zip(path: Path, most_bytes: int = 1 << 26) -> Iterator[OpenZip]:
    """Open an archive and check the names of its members.

    Args:
        path: path of the archive.
        most_bytes: largest accepted size of a member.

    Raises:
        DataError: not a valid archive, or a member name that leads out of it.
    """
    try:
        archive = zipfile.ZipFile(path)
    except ZIP_DAMAGES as error:
        raise _bad(path, str(error)) from error
    with archive:
        for name in archive.namelist():
            place = PurePosixPath(name.replace("\\", "/"))
            if place.is_absolute() or ".." in place.parts:
                raise _bad(path, f"{name!r} leads out of it")
        yield OpenZip(path, archive, most_bytes)


def _bad(path: Path, reason: str) -> DataError:
    return DataError(f"{path} cannot be used: {reason}; get it anew")
