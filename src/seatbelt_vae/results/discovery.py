"""Finds run folders and exported stores, and lists the Parquet files of each run."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.evaluation.audit_columns import AUDIT_FILES
from seatbelt_vae.results.columns import reserved
from seatbelt_vae.runs.audit_document import AUDIT_FOLDER
from seatbelt_vae.runs.checked_files import no_such_path
from seatbelt_vae.runs.contents import Run, audit_folder, is_contents

__all__ = ["STORE", "RunSource", "Sources", "find"]

STORE = "store.json"
"""The file that marks an exported store, as ``run.json`` marks a run folder."""

_OF_SUITES = {
    "attacks": "pair-*.parquet",
    **{kind: f"{kind}/*.parquet" for kind in ("measures", "budgets", "pairs")},
}


@dataclass(frozen=True)
class RunSource:
    """A run folder or an audit at ``path``, with a name relative to ``base``."""

    base: Path
    path: Path

    @property
    def name(self) -> str:
        """Name of the run in every view."""
        return self.path.relative_to(self.base).as_posix()

    @property
    def contents(self) -> Run:
        """Contents of the folder."""
        return Run(self.name, self.path)

    def parts(self) -> Iterator[tuple[str, Path, dict[str, str]]]:
        """The Parquet files, each with its kind of rows (``metrics``, ``pairs``, …), run and suite.

        Raises:
            ArtifactError: a file of ``evaluation/`` has the name of another view.
        """
        run = {"run": self.name}
        for path in _visible(self.path, "metrics/*.parquet"):
            yield "metrics", path, run
        taken = reserved()
        for path in _visible(self.path, "evaluation/*.parquet"):
            kind = path.stem.casefold()  # names in SQL are case-insensitive
            if kind in taken:
                raise ArtifactError(f"{path} has the name of the view of all {kind}: rename it")
            yield kind, path, run
        audit = audit_folder(self.path) or self.path / AUDIT_FOLDER
        for name, table in AUDIT_FILES.items():
            for path in _visible(audit, f"{name}/*.parquet"):
                yield table.view, path, run
        for suite in self.contents.suites.values():
            for kind, pattern in _OF_SUITES.items():
                for path in _visible(suite.folder, pattern):
                    yield kind, path, {**run, "suite": suite.name}


@dataclass(frozen=True)
class Sources:
    """Run folders with distinct names, and exported stores."""

    runs: tuple[RunSource, ...]
    stores: tuple[Path, ...]


def find(folders: Sequence[Path]) -> Sources:
    """Find all run folders, audits and exported stores at or below ``folders``, once each.

    The name of a run is its path relative to the given folder; a run folder given itself has
    its folder name. Parent folders are added where two runs would have the same name.

    Raises:
        ArtifactError: a missing folder, no runs, or a name that is not valid Unicode.
    """
    places: dict[Path, tuple[Path, Path]] = {}
    for base, place in _places(folders):
        places.setdefault(place.resolve(), (base, place))
    stores = tuple(place for _, place in places.values() if (place / STORE).exists())
    runs = [RunSource(base, place) for base, place in places.values() if place not in stores]
    if not places:
        named = ", ".join(map(str, folders)) or "no folder"
        raise ArtifactError(f"no run in {named}: expected run folders, made by `train` or `sweep`")
    for path in (*stores, *(run.path for run in runs)):
        _check_name(path)
    return Sources(_distinct(runs), stores)


def _places(folders: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    for folder in folders:
        place = folder.resolve()
        if not place.is_dir():
            raise _missing(folder)
        if _is_results(place):
            yield place.parent, place
        else:
            yield from ((place, found) for found in sorted(_below(place)))


def _below(folder: Path) -> Iterator[Path]:
    """Runs and stores below a folder; their subfolders are not searched."""
    for path, folders, _ in os.walk(folder):
        inside = [name for name in sorted(folders) if not name.startswith(".")]
        found = [name for name in inside if _is_results(Path(path, name))]
        yield from (Path(path, name) for name in found)
        folders[:] = [name for name in inside if name not in found]


def _is_results(folder: Path) -> bool:
    return is_contents(folder) or (folder / STORE).exists() or audit_folder(folder) is not None


def _visible(folder: Path, pattern: str) -> list[Path]:
    """Files sorted by name, without unfinished files."""
    found = sorted(folder.glob(pattern))
    return [
        path
        for path in found
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _distinct(runs: Sequence[RunSource]) -> tuple[RunSource, ...]:
    while True:
        shared = Counter(run.name for run in runs)
        if all(count == 1 for count in shared.values()):
            return tuple(runs)
        runs = [replace(run, base=run.base.parent) if shared[run.name] > 1 else run for run in runs]


def _missing(folder: Path) -> ArtifactError:
    if folder.is_file():
        return ArtifactError(f"{folder} is a file: expected a run folder, or a folder of some")
    if " " in str(folder):
        return ArtifactError(f"no such folder: {folder}; if this is the SQL, give it before --runs")
    return no_such_path(folder)


def _check_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = str(path).encode(errors="replace").decode()
        raise ArtifactError(f"{shown} has a name that is not valid Unicode: rename it") from None
