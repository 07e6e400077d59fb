"""Reads files of runs, and checks that they have the expected keys, columns or tensors."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs.json_files import read_json
from seatbelt_vae.runs.rows import read_rows
from seatbelt_vae.runs.tensors import read_tensors

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "Row",
    "Tensors",
    "checked",
    "checked_rows",
    "checked_table",
    "checked_tensors",
    "no_such_path",
]

Row = dict[str, Any]
Tensors = dict[str, "Tensor"]


def no_such_path(path: Path) -> ArtifactError:
    """The error of a path that does not exist, with the most similar path that does."""
    parts = (path, *path.parents)
    missing = next((part for part in parts if part.parent.is_dir()), path)
    rest = path.relative_to(missing)
    try:
        similar = [entry / rest for entry in missing.parent.iterdir() if (entry / rest).exists()]
    except OSError:
        similar = []
    close = difflib.get_close_matches(str(path), map(str, similar), n=1)
    advice = f"perhaps you meant {close[0]}" if close else "check the path"
    return ArtifactError(f"no such file or folder: {path}; {advice}")


def checked_table(path: Path, keys: Sequence[str] = ()) -> Row:
    """Read a JSON file that holds a table with ``keys``."""
    return checked(path, read_json(path), keys)


def checked_rows(path: Path, columns: Sequence[str], pattern: str = "*.parquet") -> list[Row]:
    """Read Parquet files that have ``columns``; ``path`` and ``pattern`` as for `read_rows`."""
    rows = read_rows(path, pattern)
    checked(path, rows[0] if rows else {}, columns)
    return rows


def checked_tensors(path: Path, names: Sequence[str]) -> Tensors:
    """Read a safetensors file that has tensors of these ``names``."""
    return checked(path, read_tensors(path), names)


def checked(path: Path, found: Any, expected: Sequence[str] = ()) -> dict[str, Any]:
    """Check that the content of a file is a table with the expected keys."""
    advice = "expected a file written by this version, move it away and run the step again"
    if not isinstance(found, dict):
        raise ArtifactError(f"{path} holds no table: {advice}")
    missing = [name for name in expected if name not in found]
    if missing:
        raise ArtifactError(f"{path} lacks {', '.join(missing)}: {advice}")
    return found
