"""Rows of finished models whose run folders are not on this machine.

An exported store is small enough to be committed. A model whose rows it has under the same
settings is not trained again, and its rows stay in the next export.
"""

import shutil
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from seatbelt_vae.paper.experiment_jobs import Part, Plan
from seatbelt_vae.paper.members import FILE, MEMBERS, MemberRun, kept_parts, settings_of
from seatbelt_vae.results import Store
from seatbelt_vae.results.exports import copy_runs, exported_runs
from seatbelt_vae.runs import read_rows, write_rows

__all__ = ["ROWS", "StoredRuns", "export_rows", "stored_runs"]

ROWS = "rows"
"""Folder of the exported store in the folder of a reproduction."""


@dataclass(frozen=True)
class StoredRuns:
    """Finished models of an exported store.

    Args:
        rows: the exported store.
        names: the name of each run, by label of its model.
        members: the rows of each run in the view ``members``, by label.
        whole: labels of the models with all rows that are asked for; the others have those of
            other experiments.
    """

    rows: Path
    names: Mapping[str, str]
    members: Mapping[str, MemberRun]
    whole: Set[str]

    @property
    def parts(self) -> set[Part]:
        """The parts of all models."""
        return {part for label, run in self.members.items() for part in run.parts(label)}

    def without(self, labels: Set[str]) -> "StoredRuns":
        """The other models."""
        names = {label: name for label, name in self.names.items() if label not in labels}
        members = {label: self.members[label] for label in names}
        return replace(self, names=names, members=members, whole=self.whole - labels)

    def labels_in(self, view: str) -> set[str]:
        """Labels of the models that have rows in a view.

        Raises:
            ArtifactError: the file of the view is corrupt.
        """
        path = self.rows / f"{view}.parquet"
        found = set(exported_runs([path])) if path.exists() else set()
        return {label for label, name in self.names.items() if name in found}


def stored_runs(
    rows: Path, requested: Plan, known: Plan, keys: Mapping[str, str], here: Set[str]
) -> StoredRuns:
    """The models of an earlier export, and which of them need not be made again.

    Args:
        rows: folder of the export, which need not exist.
        requested, known: see `kept_parts`.
        keys: the key of each model by label.
        here: keys of the models that have a run folder, which are left out.

    Raises:
        ArtifactError: the file of the view ``members`` is corrupt.
    """
    names, members, whole = {}, {}, set()
    labels = {key: label for label, key in keys.items()}
    found = read_rows(rows / FILE) if (rows / FILE).exists() else []
    by_run = groupby(sorted(found, key=lambda row: str(row["run"])), key=lambda row: row["run"])
    for name, of_run in by_run:
        run = MemberRun.of_rows(of_run)
        label = labels.get(run.key)
        if label is None or run.key in here:
            continue
        parts = kept_parts(run.parts(label), requested, known)
        job = requested.jobs.get(label)
        complete = job is None or {*settings_of(run.key, job)} <= {*run.settings}
        if job is not None and complete:
            parts += [part for part in requested.parts if part.label == label]
        if parts:
            names[label], members[label] = name, run.with_parts(parts)
            if complete:
                whole.add(label)
    return StoredRuns(rows, names, members, whole)


def export_rows(runs: Path, stored: StoredRuns) -> None:
    """Export the rows of finished models; the export is replaced when complete.

    Args:
        runs: the folder of run folders, of which those with the view ``members`` are exported.
        stored: the stored models, and the folder of the export.

    Raises:
        ArtifactError: the folder is not an export, a file is corrupt, or the disk is full.
    """
    rows, made = stored.rows, [path.parents[1] for path in runs.glob(f"*/{MEMBERS}")]
    if not (rows / "store.json").exists():
        Store.open(made).export(rows)  # raises if ``rows`` is something else
        return
    kept, new, old = (rows.with_name(f".{rows.name}.{name}") for name in ("kept", "new", "old"))
    for left in (kept, new, old):
        shutil.rmtree(left, ignore_errors=True)
    if stored.names:
        copy_runs(rows, set(stored.names.values()), kept)
        members = {stored.names[label]: run.rows for label, run in stored.members.items()}
        write_rows(
            kept / FILE, [{"run": name, **row} for name, of in members.items() for row in of]
        )
    Store.open([*made, *([kept] if stored.names else [])]).export(new)
    rows.rename(old)
    new.rename(rows)
    for left in (kept, old):
        shutil.rmtree(left, ignore_errors=True)
