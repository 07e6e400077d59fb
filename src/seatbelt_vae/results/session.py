"""One connection to the views of a results store, with its private spill folder."""

import shutil
import tempfile
import weakref
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pyarrow as pa

from seatbelt_vae.errors import QueryError
from seatbelt_vae.results.connection import answer, in_one_line, locked, memory_limit, unreadable
from seatbelt_vae.results.exports import write_store
from seatbelt_vae.results.sql_text import identifier
from seatbelt_vae.results.view_sources import ViewSources

__all__ = ["Session"]

_CATALOGUE = ("show", "information_schema", "duckdb_")


class Session:
    """A connection whose views are created on first use.

    Args:
        sources: the sources of the views.
    """

    def __init__(self, sources: ViewSources) -> None:
        spill = tempfile.mkdtemp(prefix="seatbelt-vae-results-")  # readable by its owner only
        self._remove_spill = weakref.finalize(self, shutil.rmtree, spill, ignore_errors=True)
        self._sources = sources
        self._connection = locked(Path(spill))
        self._columns: dict[str, Mapping[str, str]] = {}

    def interrupt(self) -> None:
        """Stop the query that runs in another thread."""
        self._connection.interrupt()

    def discard(self) -> None:
        """Remove the spill folder of a session whose query cannot be stopped."""
        self._remove_spill()

    def columns_of(self, names: Iterable[str]) -> dict[str, Mapping[str, str]]:
        """The columns of views with their SQL types.

        Raises:
            ArtifactError: a file is corrupt.
        """
        for name in names:
            if name not in self._columns:
                self._columns[name] = self._create(name)
        return {name: self._columns[name] for name in names}

    def table(self, sql: str) -> pa.Table:
        """The result of one SELECT.

        Raises:
            QueryError: the SQL is not one SELECT that can be run, or its result is too large.
            ArtifactError: a file is corrupt.
        """
        used = self._used(sql)
        self.columns_of(used)
        limit = memory_limit(self._connection)
        try:
            with self._answer(sql) as batches:
                return pa.Table.from_batches(_bounded(batches, limit), batches.schema)
        except QueryError as error:
            if unreadable(error):
                for name in used:
                    self._sources.check_files(name)
            raise

    def export(self, out: Path) -> None:
        """Write every view as one file, see `write_store`."""
        self.columns_of(self._sources.names)
        with closing(self._whole_views()) as views:
            write_store(out, views)

    def _whole_views(self) -> Generator[tuple[str, pa.RecordBatchReader]]:
        for name in self._sources.names:
            order = "ORDER BY run, suite, pair, level" if name == "attacks" else ""
            with self._answer(f"SELECT * FROM {identifier(name)} {order}") as batches:
                yield name, batches

    def _answer(self, sql: str) -> AbstractContextManager[pa.RecordBatchReader]:
        columns = {column for known in self._columns.values() for column in known}
        return answer(self._connection, sql, self._sources.names, sorted(columns))

    def _create(self, name: str) -> Mapping[str, str]:
        try:
            relation = self._sources.relation(self._connection, name)
            relation.create_view(name)
        except Exception as error:
            raise in_one_line(error) from None
        return dict(zip(relation.columns, map(str, relation.types), strict=True))

    def _used(self, sql: str) -> Iterable[str]:
        """Views that a query may use: those named in it, or all for a catalogue query."""
        text = sql.casefold()
        names = self._sources.names
        if any(word in text for word in _CATALOGUE):
            return names
        return [name for name in names if name in text]


def _bounded(batches: Iterable[pa.RecordBatch], limit: int) -> Iterator[pa.RecordBatch]:
    """The batches of a result that fits into memory."""
    size = 0
    for batch in batches:
        size += batch.nbytes
        if size > limit:
            raise QueryError(
                f"the result is larger than {limit / 2**30:.1f} GiB, half of the memory: select "
                f"fewer columns, aggregate, or add LIMIT"
            )
        yield batch
