"""Files of a folder or of a zip archive by name."""

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from seatbelt_vae.data.bad_examples import BadExamples
from seatbelt_vae.data.readers.reading import raise_unreadable
from seatbelt_vae.data.readers.zipped import OpenZip, opened_zip
from seatbelt_vae.data.source_files import check_inside
from seatbelt_vae.errors import DataError

__all__ = ["Tree", "opened_tree"]


class Tree(Protocol):
    """Files by name; `/` separates folders."""

    @property
    def place(self) -> Path:
        """The folder or the archive."""

    @property
    def sources(self) -> list[Path]:
        """The files on disk that hold the contents."""

    @property
    def names(self) -> list[str]:
        """Sorted names of all files that are not hidden."""

    def read(self, name: str) -> bytes:
        """Read the content of a file.

        Raises:
            DataError: the file cannot be read.
        """


@contextmanager
def opened_tree(place: Path, bad: BadExamples) -> Iterator[Tree]:
    """Open a folder or a zip archive.

    Args:
        place: the folder or the archive.
        bad: handles links to folders outside.

    Raises:
        DataError: neither a folder nor an archive, or not readable.
    """
    if place.is_dir():
        yield _Folder(place, bad)
        return
    with opened_zip(place) as archive:
        yield _Archive(place, archive)


@dataclass(frozen=True)
class _Folder:
    place: Path
    bad: BadExamples

    @property
    def sources(self) -> list[Path]:
        return [self.place / name for name in self.names]

    @cached_property
    def names(self) -> list[str]:
        found = []
        for folder, below, files in os.walk(self.place, onerror=raise_unreadable):
            below[:] = [name for name in below if not name.startswith(".")]
            for name in below:
                with self.bad.each():
                    check_inside(self.place, Path(folder, name))
            within = Path(folder).relative_to(self.place)
            found += [str(within / name) for name in files if not name.startswith(".")]
        return sorted(found)

    def read(self, name: str) -> bytes:
        path = self.place / name
        check_inside(self.place, path)
        try:
            return path.read_bytes()
        except OSError as error:
            raise DataError(f"cannot read it: {error.strerror}; make it readable") from error


@dataclass(frozen=True)
class _Archive:
    place: Path
    opened: OpenZip

    @property
    def sources(self) -> list[Path]:
        return [self.place]

    @cached_property
    def names(self) -> list[str]:
        members = self.opened.archive.infolist()
        return sorted(
            member.filename for member in members if not (member.is_dir() or _hidden(member))
        )

    def read(self, name: str) -> bytes:
        content = self.opened.read(name)
        if content is None:
            raise DataError(f"{self.place} has no {name}")
        return content


def _hidden(member: zipfile.ZipInfo) -> bool:
    # macOS archives keep metadata in __MACOSX
    parts = member.filename.split("/")
    return parts[0] == "__MACOSX" or any(part.startswith(".") for part in parts)
