"""The results store: SQL views of all results of many runs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from seatbelt_vae.results.discovery import Sources, find
from seatbelt_vae.results.interruption import interruptible
from seatbelt_vae.results.session import Session
from seatbelt_vae.results.view_sources import ViewSources

__all__ = ["Store"]

T = TypeVar("T")


class Store:
    """SQL views over run folders and exported stores; see ``docs/rows.md`` for the views.

    A view is created on first use. Only the columns and files that a query needs are read, so that
    thousands of runs need little memory. Files written after opening are ignored.

    Example:
        >>> import tempfile
        >>> from seatbelt_vae import RunConfig, RunFolder
        >>> with tempfile.TemporaryDirectory() as runs:
        ...     _ = RunFolder.create(Path(runs) / "belt", RunConfig())
        ...     Store.open([Path(runs)]).query("SELECT run, data, beta FROM runs").to_pylist()
        [{'run': 'belt', 'data': 'dsprites', 'beta': 6.0}]
    """

    def __init__(self, found: Sources) -> None:
        self._sources = ViewSources(found)
        self._session: Session | None = None

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
        return self._run(lambda session: session.columns_of(self._sources.names))

    def query(self, sql: str, *, timeout: float | None = None) -> pa.Table:
        """The result of one SELECT as an Arrow table (``.to_pylist()``, ``.to_pandas()``, …).

        Ctrl-C stops the query. The query and its result take at most half of the machine's memory
        each; a query that needs more sorts and joins in a private temporary folder.

        Args:
            sql: a query in DuckDB's SQL over the views; it cannot write or read other files.
            timeout: time limit in seconds (default: none).

        Raises:
            QueryError: invalid SQL, not exactly one SELECT, an unknown view or column, or a result
                that is too large.
            QueryTimeoutError: the time limit has passed.
            ArtifactError: a file is corrupt.
        """
        return self._run(lambda session: session.table(sql), timeout)

    def export(self, out: Path) -> None:
        """Write every view as one Parquet file; the write is atomic.

        The exported store gives the same rows for every query, and contains no local paths.

        Args:
            out: a new folder.

        Raises:
            ArtifactError: ``out`` exists, a file is corrupt, or the disk is full.
        """
        self._run(lambda session: session.export(out))

    def _run(self, work: Callable[[Session], T], timeout: float | None = None) -> T:
        session = self._session = self._session or Session(self._sources)

        def abandon() -> None:
            session.discard()
            self._session = None

        return interruptible(lambda: work(session), session.interrupt, abandon, timeout)
