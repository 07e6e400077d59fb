"""The sources of the views: documents and Parquet files of runs, and exported stores."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.results.columns import MEASURED, Known, views
from seatbelt_vae.results.discovery import Sources
from seatbelt_vae.results.documents import DOCUMENTS, table_of
from seatbelt_vae.results.exports import exported_runs, files_of, with_exported
from seatbelt_vae.results.parquet import Keys, check_files
from seatbelt_vae.results.views import KEY, joined, rows_of, stacked

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

__all__ = ["ViewSources"]


class ViewSources:
    """The names of all views, and the relation of each.

    Args:
        found: run folders and exported stores.

    Raises:
        ArtifactError: an exported run has the name of another run, or a store has an unknown
            format version.
    """

    def __init__(self, found: Sources) -> None:
        self._runs = found.runs
        self._parts: dict[str, dict[Path, Keys]] = defaultdict(dict)
        for run in found.runs:
            for kind, path, keys in run.parts():
                self._parts[kind][path] = keys
        self._exported = files_of(found.stores)
        self._check_names()
        self._known = views()
        further = {*self._parts, *self._exported} - {*self._known, "measures"}
        self.names = (*self._known, *sorted(further))

    def relation(self, connection: "DuckDBPyConnection", name: str) -> "DuckDBPyRelation":
        """The rows of a view.

        Raises:
            ArtifactError: a file is corrupt.
        """
        files = self._exported.get(name, {})
        if name in DOCUMENTS:
            rows = with_exported(name, table_of(name, self._runs), files)
            return connection.from_arrow(rows)
        known = self._known.get(name, {"run": pa.string()})
        if name == "attacks":
            unmeasured = {c: kind for c, kind in known.items() if c in KEY or c not in MEASURED}
            live = joined(
                self._live(connection, "attacks", unmeasured),
                self._live(connection, "measures", MEASURED),
            )
        else:
            live = self._live(connection, name, known)
        return stacked([live, rows_of(connection, name, files, known)]) if files else live

    def check_files(self, name: str) -> None:
        """Read all files of a view, to find one that is damaged.

        Raises:
            ArtifactError: a file cannot be read.
        """
        check_files(self._parts.get(name, {}))
        check_files(self._exported.get(name, {}))
        if name == "attacks":
            self.check_files("measures")

    def _live(
        self, connection: "DuckDBPyConnection", kind: str, known: Known
    ) -> "DuckDBPyRelation":
        return rows_of(connection, kind, self._parts.get(kind, {}), known)

    def _check_names(self) -> None:
        names = [run.name for run in self._runs] + exported_runs(self._exported.get("runs", ()))
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise ArtifactError(
                f"{len(twice)} runs occur twice, in an exported store and elsewhere, such as "
                f"{twice[0]}: open only one of the two"
            )
