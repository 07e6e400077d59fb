"""Files of a folder or of a zip archive by name."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from seatbelt_vae.data.bad_examples import BadExamples
from seatbelt_vae.data.readers.reading import file_content, raise_unreadable
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

    @property
    def notes(self) -> tuple[str, ...]:
        """The numbers of hidden files and of links that are left out."""

    def read(self, name: str) -> bytes:
        """Read the content of a file.

        Raises:
            DataError: the file cannot be read.
        """


@contextmanager
def opened_tree(place: Path, bad: BadExamples, *, follow_links: bool = False) -> Iterator[Tree]:
    """Open a folder or a zip archive.

    Args:
        place: the folder or the archive.
        bad: handles links to folders outside.
        follow_links: follow links to folders and files outside.

    Raises:
        DataError: neither a folder nor an archive, or not readable.
    """
    if place.is_dir():
        yield _Folder(place, bad, follow_links)
        return
    with opened_zip(place) as archive:
        yield _Archive(place, archive)


_HIDDEN, _READ_BEFORE = "hidden files and folders", "links to folders that are read elsewhere"


@dataclass(frozen=True)
class _Folder:
    place: Path
    bad: BadExamples
    follow_links: bool

    @property
    def sources(self) -> list[Path]:
        return [self.place / name for name in self.names]

    @property
    def names(self) -> list[str]:
        return self._found[0]

    @property
    def notes(self) -> tuple[str, ...]:
        return _notes(self._found[1])

    @cached_property
    def _found(self) -> tuple[list[str], Counter[str]]:
        """Sorted names of files, and the number of each kind of entry that is left out.

        Each folder is read once, so that links cannot form a loop.
        """
        names: list[str] = []
        left_out: Counter[str] = Counter()
        seen: set[str] = set()
        starts = [self.place]
        for start in starts:
            for folder, below, files in os.walk(start, onerror=raise_unreadable):
                if (real := os.path.realpath(folder)) in seen:
                    left_out[_READ_BEFORE] += 1
                    below.clear()
                    continue
                seen.add(real)
                shown = [name for name in files if not name.startswith(".")]
                open_below = sorted(name for name in below if not name.startswith("."))
                left_out[_HIDDEN] += len(files) + len(below) - len(shown) - len(open_below)
                links = [name for name in open_below if Path(folder, name).is_symlink()]
                below[:] = [name for name in open_below if name not in links]
                # links are followed last, so that a folder has the name of its real place
                starts += self._allowed(Path(folder, name) for name in links)
                names += [str(Path(folder, name).relative_to(self.place)) for name in shown]
        return sorted(names), left_out

    def _allowed(self, links: Iterable[Path]) -> Iterator[Path]:
        for link in links:
            with self.bad.each():
                check_inside(self.place, link, follow_links=self.follow_links)
                yield link

    def read(self, name: str) -> bytes:
        path = self.place / name
        check_inside(self.place, path, follow_links=self.follow_links)
        return file_content(path)


@dataclass(frozen=True)
class _Archive:
    place: Path
    opened: OpenZip

    @property
    def sources(self) -> list[Path]:
        return [self.place]

    @cached_property
    def names(self) -> list[str]:
        return sorted(name for name in self._files if not _is_hidden(name))

    @property
    def notes(self) -> tuple[str, ...]:
        return _notes({_HIDDEN: len(self._files) - len(self.names)})

    @cached_property
    def _files(self) -> list[str]:
        """Names of all files but the metadata that macOS adds."""
        members = self.opened.archive.infolist()
        names = [member.filename for member in members if not member.is_dir()]
        return [name for name in names if not name.startswith("__MACOSX/")]

    def read(self, name: str) -> bytes:
        content = self.opened.read(name)
        if content is None:
            raise DataError(f"{self.place} has no {name}")
        return content


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _notes(left_out: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(f"{count:,} {kind} passed over" for kind, count in left_out.items() if count)
