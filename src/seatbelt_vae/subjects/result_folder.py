"""Folders of results of subjects without a run: ``subject.json``, attacks, evaluation."""

from dataclasses import replace
from pathlib import Path

from seatbelt_vae.config import AdapterConfig, DataConfig
from seatbelt_vae.config.toml import from_dict
from seatbelt_vae.data.identity import IDENTITY
from seatbelt_vae.errors import ArtifactError, ForeignStateError
from seatbelt_vae.runs import FORMAT, write_json
from seatbelt_vae.runs.contents import SUBJECT, Run
from seatbelt_vae.subjects.adapters.override import READINGS
from seatbelt_vae.subjects.subject import Subject

__all__ = ["continued", "defence_of", "settings_of", "source_of", "store_subject"]


def store_subject(subject: Subject, folder: Path) -> Subject:
    """The subject with its results in ``folder``, a new folder or one of the same subject.

    A folder without results, such as that of a model whose checks stopped its audit, is described
    anew if the subject differs.

    Raises:
        ForeignStateError: the folder holds results of another model or other data.
        ArtifactError: the folder holds something else, or cannot be written.
    """
    path = folder / SUBJECT
    if path.exists():
        try:
            return continued(Run(folder.name, folder), subject)
        except ForeignStateError:
            if _has_results(folder):
                raise
            (folder / IDENTITY).unlink(missing_ok=True)
    elif folder.exists() and any(folder.iterdir()):
        raise ArtifactError(f"{folder} exists and is not empty: give another folder with --out")
    write_json(path, {"format": FORMAT, **subject.about()})
    return subject.stored_in(folder)


def _has_results(folder: Path) -> bool:
    """Whether a folder has more than its description and an audit that attacked nothing."""
    others = {entry.name for entry in folder.iterdir()} - {SUBJECT, IDENTITY, "audit"}
    return bool(others) or (folder / "audit" / "about.json").exists()


def source_of(stored: Run) -> str:
    """The target that the subject of a folder of results was obtained from.

    Raises:
        ArtifactError: the subject was a model in memory.
    """
    source = str((stored.subject or {}).get("source", ""))
    if not source:
        raise ArtifactError(
            f"{stored.folder} holds results of a model in memory, which cannot be obtained again: "
            f"run from Python, or give package.module:function as the target"
        )
    return source


def defence_of(stored: Run) -> str | None:
    """The defence at inference of the subject of a folder of results, if any."""
    found: str | None = (stored.subject or {}).get("defence")
    return found


def settings_of(stored: Run, given: AdapterConfig) -> AdapterConfig:
    """How the model of a folder of results is read: as when the folder was made.

    Raises:
        ForeignStateError: a given setting is another.
    """
    known = from_dict(AdapterConfig, (stored.subject or {}).get("settings", {}))
    for name, value in given.given.items():
        if (before := getattr(known, name)) != value:
            raise _foreign(stored, name, before or "as found", value)
    return known


def continued(stored: Run, subject: Subject) -> Subject:
    """The subject with its results in a folder that has some, which must be of the same subject.

    Raises:
        ForeignStateError: the model or the data have changed.
    """
    found, about = stored.subject or {}, subject.about()
    if found["digest"] != about["digest"]:
        raise _foreign(stored, "digest", found["digest"], about["digest"])
    known = settings_of(stored, AdapterConfig())
    for name in READINGS:
        if (before := getattr(known, name)) != (now := getattr(subject.settings, name)):
            raise _foreign(stored, name, before or "as found", now or "as found")
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
