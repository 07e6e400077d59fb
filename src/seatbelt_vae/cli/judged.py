"""The subject and the data that the verbs that measure are given."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from seatbelt_vae.cli.run_options import SubjectFlags
from seatbelt_vae.config import DataConfig
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.references import is_reference
from seatbelt_vae.runs import RunFolder

if TYPE_CHECKING:
    from seatbelt_vae.data import ImageData
    from seatbelt_vae.subjects import Subject

__all__ = ["check_target", "check_trained", "opened"]


def check_trained(path: Path) -> RunFolder:
    """The run at ``path``, checked without importing torch.

    Raises:
        ArtifactError: no run there, or one whose training is not finished.
    """
    run = RunFolder.open(path)
    if not (path / "model.safetensors").exists():
        raise ArtifactError(
            f"{path} has no finished model: train it to the end, "
            f"`seatbelt-vae train {path} --resume`"
        )
    return run


def check_target(flags: SubjectFlags) -> RunFolder | None:
    """Refuse a target that cannot be judged before torch is imported; the run, if it is one.

    Raises:
        ArtifactError: no such folder, or an unfinished run.
        ConfigError: a reference without data.
    """
    path = Path(flags.target)
    if (path / "subject.json").exists():
        return None
    if path.exists() or not is_reference(flags.target):
        return check_trained(path)
    if flags.data is None:
        raise ConfigError(
            f"{flags.target} without --data: name the data set that it is judged on, see "
            f"`seatbelt-vae data list`"
        )
    return None


def opened(flags: SubjectFlags) -> "tuple[Subject, ImageData]":
    """The subject, with the folder of its results, and its data."""
    from seatbelt_vae.data.registry import source_of
    from seatbelt_vae.subjects import open_subject, store_subject

    path = Path(flags.target)
    run = (path / "run.json").exists()
    stored = None if run else _stored_data(path)
    config = flags.data_config(RunFolder.open(path).config.data if run else stored)
    data = source_of(config).load(config)
    subject = open_subject(flags.target, data)
    if run or subject.folder is not None:
        return subject, data
    known = replace(config, root=None if config.root is None else str(Path(config.root).resolve()))
    out = flags.out or Path("runs") / subject.name
    return store_subject(subject.judged_on(known), out), data


def _stored_data(folder: Path) -> DataConfig | None:
    """The data that a folder of results was made on."""
    from seatbelt_vae.subjects.result_folder import data_of

    return data_of(folder) if (folder / "subject.json").exists() else None
