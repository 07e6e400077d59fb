"""Finds run folders and exported stores, and the Parquet files of each run."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.results.columns import reserved
from seatbelt_vae.runs.contents import Run

__all__ = ["STORE", "Found", "FoundRun", "find"]

STORE = "store.json"
"""The file that marks an exported store, as ``run.json`` marks a run folder."""

_OF_A_PAIR = ("measures", "budgets", "pairs")


@dataclass(frozen=True)
class FoundRun:
    """A run folder.

    Args:
        base: the folder its name is relative to.
        path: its place.
    """

    base: Path
    path: Path

    @property
    def name(self) -> str:
        """Its name in every view."""
        return self.path.relative_to(self.base).as_posix()

    @property
    def contents(self) -> Run:
        """A reader of its files."""
        return Run(self.name, self.path)

    def parts(self) -> Iterator[tuple[str, Path]]:
        """Its Parquet files, each with its kind of rows: ``metrics``, ``sigma``, ``measures``, …

        Raises:
            ArtifactError: a file of ``evaluation/`` with the name of another view.
        """
        yield from (("metrics", path) for path in _visible(self.path, "metrics/*.parquet"))
        taken = reserved()
        for path in _visible(self.path, "evaluation/*.parquet"):
            kind = path.stem.casefold()  # SQL does not tell capitals from small letters
            if kind in taken:
                raise ArtifactError(f"{path} has the name of the view of all {kind}: rename it")
            yield kind, path
        for suite in self.contents.suites.values():
            yield from (("attacks", path) for path in _visible(suite.folder, "pair-*.parquet"))
            for kind in _OF_A_PAIR:
                yield from ((kind, path) for path in _visible(suite.folder, f"{kind}/*.parquet"))


@dataclass(frozen=True)
class Found:
    """Run folders with distinct names, and exported stores."""

    runs: tuple[FoundRun, ...]
    stores: tuple[Path, ...]


def find(folders: Sequence[Path]) -> Found:
    """All run folders and exported stores at or below some folders, each once.

    The name of a run is its path relative to the folder it was found under, or its own name if it
    was given itself. Parent folders are added where two runs would share a name.

    Raises:
        ArtifactError: no such folder, nothing in them, or a name that is not valid Unicode.
    """
    places: dict[Path, tuple[Path, Path]] = {}
    for base, place in _places(folders):
        places.setdefault(place.resolve(), (base, place))
    stores = tuple(place for _, place in places.values() if (place / STORE).exists())
    runs = [FoundRun(base, place) for base, place in places.values() if place not in stores]
    if not places:
        named = ", ".join(map(str, folders)) or "no folder"
        raise ArtifactError(f"no run in {named}: expected run folders, made by `train` or `sweep`")
    for path in (*stores, *(run.path for run in runs)):
        _check_name(path)
    return Found(_told_apart(runs), stores)


def _places(folders: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    for folder in folders:
        place = folder.resolve()
        if not place.is_dir():
            raise ArtifactError(_missing(folder))
        if _is_one(place):
            yield place.parent, place
        else:
            yield from ((place, found) for found in sorted(_below(place)))


def _below(folder: Path) -> Iterator[Path]:
    """Runs and stores below a folder; folders inside of them are not searched."""
    for path, folders, _ in os.walk(folder):
        inside = [name for name in sorted(folders) if not name.startswith(".")]
        found = [name for name in inside if _is_one(Path(path, name))]
        yield from (Path(path, name) for name in found)
        folders[:] = [name for name in inside if name not in found]


def _is_one(folder: Path) -> bool:
    return (folder / "run.json").exists() or (folder / STORE).exists()


def _visible(folder: Path, pattern: str) -> list[Path]:
    """Files in the order of their names, without unfinished ones."""
    found = sorted(folder.glob(pattern))
    return [
        path
        for path in found
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _told_apart(runs: Sequence[FoundRun]) -> tuple[FoundRun, ...]:
    while True:
        shared = Counter(run.name for run in runs)
        if all(count == 1 for count in shared.values()):
            return tuple(runs)
        runs = [replace(run, base=run.base.parent) if shared[run.name] > 1 else run for run in runs]


def _missing(folder: Path) -> str:
    if " " in str(folder):
        return f"no such folder: {folder}; where it is the SQL, give it before --runs"
    return f"no such folder: {folder}; expected run folders, or a folder with some below it"


def _check_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = str(path).encode(errors="replace").decode()
        raise ArtifactError(f"{shown} has a name that is not valid Unicode: rename it") from None
