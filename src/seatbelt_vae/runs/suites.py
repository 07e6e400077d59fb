"""The suite folders of a run, and the file with the pairs and settings of a suite."""

from pathlib import Path
from typing import Any

from seatbelt_vae.runs.formats import up_to_date
from seatbelt_vae.runs.json_files import read_json

__all__ = ["SUITE", "read_suite", "suite_file", "suite_folders"]

SUITE = "suite.json"
_FORMAT_1 = "battery.json"


def suite_file(folder: Path) -> Path:
    """Path of a suite's ``suite.json``, or of an existing ``battery.json`` of format 1."""
    former = folder / _FORMAT_1
    return former if former.exists() else folder / SUITE


def suite_folders(run: Path) -> list[Path]:
    """The suite folders of a run, sorted by name, without unfinished folders."""
    folders = (path for path in sorted(run.glob("attacks/*")) if not path.name.startswith("."))
    return [folder for folder in folders if suite_file(folder).exists()]


def read_suite(folder: Path) -> Any:
    """The content of `suite_file`, with settings in the current format.

    Raises:
        ArtifactError: missing, or not valid JSON.
    """
    path = suite_file(folder)
    content = read_json(path)
    if path.name == _FORMAT_1 and isinstance(content, dict) and "config" in content:
        content["config"] = up_to_date("attack", content["config"], 1)
    return content
