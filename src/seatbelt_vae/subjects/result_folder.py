"""The folder of results of a subject that is no run: ``subject.json``, attacks, evaluation."""

from pathlib import Path

from seatbelt_vae.config import DataConfig
from seatbelt_vae.config.toml import from_dict
from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import ArtifactError, ForeignStateError
from seatbelt_vae.runs import FORMAT, checked_format, read_json, write_json
from seatbelt_vae.subjects import reference
from seatbelt_vae.subjects.subject import Subject

__all__ = ["ABOUT", "data_of", "open_target", "recognises", "store_subject"]

ABOUT = "subject.json"
"""The file that marks a folder of results, as ``run.json`` marks a run folder."""


def recognises(target: str) -> bool:
    """Whether a target is a folder of results."""
    return (Path(target) / ABOUT).exists()


def store_subject(subject: Subject, folder: Path) -> Subject:
    """The subject with its results in ``folder``, new or of the same subject.

    Raises:
        ForeignStateError: the folder holds results of another model or other data.
        ArtifactError: the folder holds something else, or cannot be written.
    """
    about, path = subject.about(), folder / ABOUT
    if not path.exists():
        if folder.exists() and any(folder.iterdir()):
            raise ArtifactError(f"{folder} exists and is not empty: give another folder with --out")
        write_json(path, {"format": FORMAT, **about})
        return subject.stored_in(folder)
    found = read_json(path)
    checked_format(folder, "folder of results", found)
    for key in ("digest", "data"):
        if found.get(key) != about[key]:
            raise ForeignStateError(
                f"{folder} holds results of a subject with other {key} ({found.get(key)}), "
                f"expected {about[key]}: give another folder with --out"
            )
    return subject.stored_in(folder)


def data_of(folder: Path) -> DataConfig | None:
    """The settings of the data that a folder of results was made on."""
    found = read_json(folder / ABOUT)
    checked_format(folder, "folder of results", found)
    return None if found["data"] is None else from_dict(DataConfig, found["data"])


def open_target(target: str, data: ImageData | None = None) -> Subject:
    """The subject of a folder of results, obtained anew from its source.

    Raises:
        ArtifactError: the subject was a model in memory.
        ForeignStateError: the source gives another model now.
    """
    folder = Path(target)
    found = read_json(folder / ABOUT)
    checked_format(folder, "folder of results", found)
    if not reference.recognises(found["source"]):
        raise ArtifactError(
            f"{folder} holds results of a model in memory, which cannot be obtained again: run "
            f"from Python, or give package.module:function as the target"
        )
    subject = reference.open_target(found["source"], data)
    return store_subject(subject.judged_on(data_of(folder)), folder)
