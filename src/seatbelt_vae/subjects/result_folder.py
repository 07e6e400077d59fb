"""Folders of results of subjects without a run: ``subject.json``, attacks, evaluation."""

from dataclasses import replace
from pathlib import Path

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.data.identity import IDENTITY
from seatbelt_vae.errors import ArtifactError, ForeignStateError
from seatbelt_vae.runs import FORMAT, write_json
from seatbelt_vae.runs.contents import SUBJECT, Run
from seatbelt_vae.subjects import reference
from seatbelt_vae.subjects.subject import Subject

__all__ = ["open_target", "recognises", "reopened", "store_subject"]


def recognises(target: str) -> bool:
    """Whether a target is a folder of results."""
    return (Path(target) / SUBJECT).exists()


def store_subject(subject: Subject, folder: Path) -> Subject:
    """The subject with its results in ``folder``, a new folder or one of the same subject.

    Raises:
        ForeignStateError: the folder holds results of another model or other data.
        ArtifactError: the folder holds something else, or cannot be written.
    """
    path = folder / SUBJECT
    if path.exists():
        return _continued(Run(folder.name, folder), subject)
    if folder.exists() and any(folder.iterdir()):
        raise ArtifactError(f"{folder} exists and is not empty: give another folder with --out")
    write_json(path, {"format": FORMAT, **subject.about()})
    return subject.stored_in(folder)


def open_target(target: str, data: ImageData | None = None) -> Subject:
    """The subject of a folder of results, see `reopened`."""
    return reopened(Run(target, Path(target)), data)


def reopened(stored: Run, data: ImageData | None = None) -> Subject:
    """The subject of a folder of results, opened from its source.

    Raises:
        ArtifactError: the subject was a model in memory.
        ForeignStateError: the model of the source has changed.
    """
    source = (stored.subject or {}).get("source", "")
    if not reference.recognises(source):
        raise ArtifactError(
            f"{stored.folder} holds results of a model in memory, which cannot be obtained again: "
            f"run from Python, or give package.module:function as the target"
        )
    return _continued(stored, reference.open_target(source, data).judged_on(stored.stored_data))


def _continued(stored: Run, subject: Subject) -> Subject:
    """The subject with its results in a folder that has some; they must be of the same subject."""
    found, about = stored.subject or {}, subject.about()
    if found["digest"] != about["digest"]:
        raise _foreign(stored, "digest", found["digest"], about["digest"])
    if _placeless(stored.stored_data, stored) != _placeless(subject.data, stored):
        raise _foreign(stored, "data", found["data"], about["data"])
    return subject.stored_in(stored.folder)


def _placeless(data: DataConfig | None, stored: Run) -> DataConfig | None:
    """Settings of data without their root, if the folder identifies its images otherwise."""
    if data is None or not (stored.folder / IDENTITY).exists():
        return data
    return replace(data, root=None)


def _foreign(stored: Run, key: str, found: object, expected: object) -> ForeignStateError:
    return ForeignStateError(
        f"{stored.folder} holds results of a subject with other {key} ({found}), expected "
        f"{expected}: give another folder with --out"
    )
