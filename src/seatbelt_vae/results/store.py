"""The results store: SQL views of all results of many runs."""

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
from seatbelt_vae.results.discovery import Sources, find
from seatbelt_vae.results.documents import DOCUMENTS, table_of
from seatbelt_vae.results.exports import exported_runs, files_of, with_exported, write_store
from seatbelt_vae.results.parquet import identifier
from seatbelt_vae.results.views import KEY, Relation, exported, joined, of_runs

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation

__all__ = ["Store"]

_CATALOGUE = ("show", "information_schema", "duckdb_")
_BATCH = 50_000


class Store:
    """SQL views over run folders and exported stores; see ``docs/rows.md`` for the views.

    A view is created on first use. DuckDB reads only the columns and files that a query needs, so
    that thousands of runs need little memory. Files written after opening are ignored.

    Example:
        >>> import tempfile
        >>> from seatbelt_vae import RunConfig, RunFolder
        >>> with tempfile.TemporaryDirectory() as runs:
        ...     _ = RunFolder.create(Path(runs) / "belt", RunConfig())
        ...     Store.open([Path(runs)]).query("SELECT run, data, beta FROM runs").to_pylist()
        [{'run': 'belt', 'data': 'dsprites', 'beta': 6.0}]
    """

    def __init__(self, found: Sources) -> None:
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
        """Open the store of all runs in ``folders``.

        Args:
            folders: run folders, folders with run folders at any depth, or exported stores.

        Raises:
            ArtifactError: there are no runs, an exported run has the name of another run, or a
                store has an unknown format version.
        """
        return cls(find(folders))

    @property
    def views(self) -> Mapping[str, Mapping[str, str]]:
        """The columns of every view with their SQL types.

        Raises:
            ArtifactError: a file is corrupt.
        """
        self._make(self._names)
        return {name: self._columns[name] for name in self._names}

    def query(self, sql: str) -> pa.Table:
        """The result of one SELECT as an Arrow table (``.to_pylist()``, ``.to_pandas()``, …).

        Args:
            sql: a query in DuckDB's SQL over the views; it cannot write or read other files.

        Raises:
            QueryError: invalid SQL, not exactly one SELECT, or an unknown view or column.
            ArtifactError: a file is corrupt.
        """
        with self._answer(sql) as relation:
            return relation.to_arrow_table()

    def export(self, out: Path) -> None:
        """Write every view as one Parquet file; the write is atomic.

        The exported store gives the same rows for every query, and contains no local paths.

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
        self._make(self._used(sql))
        columns = {column for known in self._columns.values() for column in known}
        with answer(self._connection, sql, self._names, sorted(columns)) as relation:
            yield relation

    def _used(self, sql: str) -> Iterable[str]:
        """Views that a query may use: those named in it, or all for a catalogue query."""
        text = sql.casefold()
        if any(word in text for word in _CATALOGUE):
            return self._names
        return [name for name in self._names if name in text]

    def _make(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._columns:
                source = self._documents(name) if name in DOCUMENTS else self._relation(name).sql
                self._columns[name] = define(self._connection, name, source)

    def _documents(self, name: str) -> pa.Table:
        return with_exported(name, table_of(name, self._runs), self._exported.get(name, []))

    def _relation(self, name: str) -> Relation:
        known = self._known.get(name, {"run": pa.string()})
        if name == "attacks":
            unmeasured = {c: kind for c, kind in known.items() if c in KEY or c not in MEASURED}
            attacks = self._live("attacks", unmeasured)
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
                f"{len(twice)} runs occur twice, in an exported store and elsewhere, such as "
                f"{twice[0]}: open only one of the two"
            )
