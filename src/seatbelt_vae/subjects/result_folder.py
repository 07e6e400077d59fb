"""Folders of results of subjects without a run: ``subject.json``, attacks, evaluation."""

from pathlib import Path
from typing import Any

from seatbelt_vae.config import DataConfig
from seatbelt_vae.config.toml import from_dict
from seatbelt_vae.errors import ArtifactError, ForeignStateError
from seatbelt_vae.runs import FORMAT, checked_format, read_json, write_json
from seatbelt_vae.runs.contents import SUBJECT
from seatbelt_vae.subjects.subject import Subject

__all__ = ["data_of", "holds_results", "source_of", "store_subject"]


def holds_results(folder: Path) -> bool:
    """Whether a folder is a folder of results."""
    return (folder / SUBJECT).exists()


def store_subject(subject: Subject, folder: Path) -> Subject:
    """The subject with its results in ``folder``, a new folder or one of the same subject.

    Raises:
        ForeignStateError: the folder holds results of another model or other data.
        ArtifactError: the folder holds something else, or cannot be written.
    """
    about, path = subject.about(), folder / SUBJECT
    if not path.exists():
        if folder.exists() and any(folder.iterdir()):
            raise ArtifactError(f"{folder} exists and is not empty: give another folder with --out")
        write_json(path, {"format": FORMAT, **about})
        return subject.stored_in(folder)
    found = _about(folder)
    for key in ("digest", "data"):
        if found.get(key) != about[key]:
            raise ForeignStateError(
                f"{folder} holds results of a subject with other {key} ({found.get(key)}), "
                f"expected {about[key]}: give another folder with --out"
            )
    return subject.stored_in(folder)


def data_of(folder: Path) -> DataConfig | None:
    """The settings of the data set of a folder of results."""
    found = _about(folder)
    return None if found["data"] is None else from_dict(DataConfig, found["data"])


def source_of(folder: Path) -> str:
    """The target that the subject of a folder of results was obtained from.

    Raises:
        ArtifactError: the subject was a model in memory.
    """
    source = str(_about(folder)["source"])
    if not source:
        raise ArtifactError(
            f"{folder} holds results of a model in memory, which cannot be obtained again: run "
            f"from Python, or give package.module:function as the target"
        )
    return source


def _about(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(folder / SUBJECT)
    checked_format(folder, "folder of results", found)
    return found
