"""The results store: every number of every run, as views that SQL can ask and join."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.results.columns import MEASURED, Known, views
from seatbelt_vae.results.connection import answer, define, locked
from seatbelt_vae.results.documents import DOCUMENTS, table_of
from seatbelt_vae.results.exports import exported_runs, files_of, with_exported, write_store
from seatbelt_vae.results.found import Found, find
from seatbelt_vae.results.parquet import identifier
from seatbelt_vae.results.views import KEY, Relation, exported, joined, of_runs

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation

__all__ = ["Store"]

_CATALOGUE = ("show", "information_schema", "duckdb_")
_BATCH = 50_000


class Store:
    """Run folders and exported stores, asked together; see ``docs/rows.md`` for the views.

    A view is made when it is first asked for. DuckDB reads Parquet where it lies, and only the
    columns and files that a query needs, so that thousands of runs need little memory. What is
    written into the folders after opening is not seen.

    Example:
        >>> import tempfile
        >>> from seatbelt_vae import RunConfig, RunFolder
        >>> with tempfile.TemporaryDirectory() as runs:
        ...     _ = RunFolder.create(Path(runs) / "belt", RunConfig())
        ...     Store.open([Path(runs)]).query("SELECT run, data, beta FROM runs").to_pylist()
        [{'run': 'belt', 'data': 'dsprites', 'beta': 6.0}]
    """

    def __init__(self, found: Found) -> None:
        self._runs = found.runs
        self._parts: dict[str, dict[Path, list[Path]]] = defaultdict(lambda: defaultdict(list))
        for run in found.runs:
            for kind, path in run.parts():
                self._parts[kind][run.base].append(path)
        self._exported = files_of(found.stores)
        self._check_names()
        self._known = views()
        further = {*self._parts, *self._exported} - {*self._known, "measures"}
        self._names = (*self._known, *sorted(further))
        self._columns: dict[str, Mapping[str, str]] = {}
        live = (paths for bases in self._parts.values() for paths in bases.values())
        self._connection = locked([*chain(*live, *self._exported.values())])

    @classmethod
    def open(cls, folders: Sequence[Path]) -> "Store":
        """The store of all runs in some folders.

        Args:
            folders: each a run folder, a folder with run folders anywhere below it, or an exported
                store.

        Raises:
            ArtifactError: nothing there, one name for two runs of which one was exported, or a
                store of another version.
        """
        return cls(find(folders))

    @property
    def views(self) -> Mapping[str, Mapping[str, str]]:
        """The columns of every view, each with its type in SQL.

        Raises:
            ArtifactError: a corrupt file.
        """
        self._make(self._names)
        return {name: self._columns[name] for name in self._names}

    def query(self, sql: str) -> pa.Table:
        """What one SELECT finds, as a table of Arrow (``.to_pylist()``, ``.to_pandas()``, …).

        Args:
            sql: DuckDB's SQL over the views. Nothing is written by it, and no other file read.

        Raises:
            QueryError: no SQL, something else than one SELECT, or an unknown view or column.
            ArtifactError: a corrupt file.
        """
        with self._answer(sql) as relation:
            return relation.to_arrow_table()

    def export(self, out: Path) -> None:
        """Write every view as one Parquet file, whole or not at all: a store that opens again.

        It answers every query with the same rows, and holds no path of this machine.

        Args:
            out: a new folder.

        Raises:
            ArtifactError: ``out`` exists, a file is corrupt, or the disk is full.
        """
        self._make(self._names)
        write_store(out, self._whole_views())

    def _whole_views(self) -> Iterator[tuple[str, pa.RecordBatchReader]]:
        for name in self._names:
            order = "ORDER BY run, suite, pair, level" if name == "attacks" else ""
            with self._answer(f"SELECT * FROM {identifier(name)} {order}") as relation:
                yield name, relation.to_arrow_reader(_BATCH)

    @contextmanager
    def _answer(self, sql: str) -> Iterator["DuckDBPyRelation"]:
        self._make(self._meant(sql))
        columns = {column for known in self._columns.values() for column in known}
        with answer(self._connection, sql, self._names, sorted(columns)) as relation:
            yield relation

    def _meant(self, sql: str) -> Iterable[str]:
        """Views that a query may ask: those whose name stands in it, or all if it asks which."""
        text = sql.casefold()
        if any(word in text for word in _CATALOGUE):
            return self._names
        return [name for name in self._names if name in text]

    def _make(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._columns:
                meaning = self._documents(name) if name in DOCUMENTS else self._relation(name).sql
                self._columns[name] = define(self._connection, name, meaning)

    def _documents(self, name: str) -> pa.Table:
        return with_exported(name, table_of(name, self._runs), self._exported.get(name, []))

    def _relation(self, name: str) -> Relation:
        known = self._known.get(name, {"run": pa.string()})
        if name == "attacks":
            own = {c: kind for c, kind in known.items() if c in KEY or c not in MEASURED}
            attacks = self._live("attacks", own)
            relation = joined(attacks, self._live("measures", MEASURED))
        else:
            relation = self._live(name, known)
        files = self._exported.get(name)
        return relation.also(exported(self._connection, name, files, known)) if files else relation

    def _live(self, kind: str, known: Known) -> Relation:
        return of_runs(self._connection, kind, self._parts.get(kind, {}), known)

    def _check_names(self) -> None:
        names = [run.name for run in self._runs] + exported_runs(self._exported.get("runs", []))
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise ArtifactError(
                f"{len(twice)} runs are there twice, {twice[0]} first, in an exported store and "
                f"elsewhere: open one of the two"
            )
