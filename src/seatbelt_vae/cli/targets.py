"""The model and the data of the commands that measure."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from seatbelt_vae.cli.run_options import SubjectFlags
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.references import is_reference
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.runs.contents import SUBJECT, Run, audit_folder, is_contents
from seatbelt_vae.runs.zoo_folder import is_in_zoo, zoo_run

if TYPE_CHECKING:
    from seatbelt_vae.data import ImageData
    from seatbelt_vae.subjects import Subject

__all__ = [
    "check_reported",
    "check_target",
    "check_trained",
    "has_only_an_audit",
    "load_target",
    "open_target",
    "results_folder",
]

_RESULTS = Path("runs")
"""The parent of folders of results."""


def check_trained(path: Path) -> RunFolder:
    """The finished run at ``path``; torch is not imported.

    Raises:
        ArtifactError: no run at ``path``, or its training is not finished.
    """
    run = RunFolder.open(path)
    if not (path / "model.safetensors").exists():
        raise ArtifactError(
            f"{path} has no finished model: train it to the end, "
            f"`seatbelt-vae train {path} --resume`"
        )
    return run


def check_reported(path: Path) -> Path:
    """Check that ``path`` is a run folder or a folder of results, and return it.

    Raises:
        ArtifactError: it is neither, or it has only an audit.
    """
    if has_only_an_audit(path):
        raise ArtifactError(
            f"{path} has an audit only, which has a report of its own: give it alone, or `compare` "
            f"audits"
        )
    if not (path / SUBJECT).exists():
        RunFolder.open(path)
    return path


def results_folder(target: Path) -> Path:
    """The folder itself, or for ``zoo:NAME`` the folder of its results.

    Raises:
        ArtifactError: the model of the zoo has no results.
        ConfigError: the zoo has no model of that name.
    """
    if not is_in_zoo(str(target)):
        return target
    folder = _RESULTS / zoo_run(str(target)).path.name
    if not is_contents(folder):
        raise ArtifactError(
            f"{target} has no results in {folder}: `attack` or `evaluate` it, or give the folder "
            f"of its results"
        )
    return folder


def has_only_an_audit(folder: Path) -> bool:
    """Whether a folder is an audit, or has an audit and no other results."""
    others = ("run.json", "attacks", "evaluation")
    return audit_folder(folder) is not None and not any((folder / n).exists() for n in others)


def check_target(flags: SubjectFlags, *, new_model: bool = False) -> RunFolder | None:
    """Check the target without importing torch; its run folder, or None for other targets.

    Args:
        flags: the flags of the command.
        new_model: whether --out is the folder of a new model, not of results of the target.

    Raises:
        ArtifactError: the folder does not exist, or its run is unfinished.
        ConfigError: a reference to a model without a data set, an unknown model of the zoo, or
            another folder of results for a folder that holds its own.
    """
    if is_in_zoo(flags.target):
        return zoo_run(flags.target)
    path = Path(flags.target)
    moved = flags.out is not None and flags.out.resolve() != path.resolve()
    if moved and is_contents(path) and not new_model:
        raise ConfigError(
            f"--out {flags.out} for {path}, which holds its own results: leave --out out"
        )
    if (path / SUBJECT).exists():
        return None
    if (path / "run.json").exists() or not (path.exists() or is_reference(flags.target)):
        return check_trained(path)
    if flags.data is None:
        raise ConfigError(
            f"{flags.target} without --data: name the data set that it is judged on, see "
            f"`seatbelt-vae data list`"
        )
    return None


def open_target(
    flags: SubjectFlags, say: Callable[[str], object] = lambda _: None
) -> "tuple[Subject, ImageData]":
    """The model of the target, and its data; a model without results has no folder yet.

    Args:
        flags: the flags of the command.
        say: gets one line that states how a foreign model is read.
    """
    from seatbelt_vae.data.identity import in_split_of
    from seatbelt_vae.data.registry import source_of
    from seatbelt_vae.subjects import open_subject

    path = Path(flags.target)
    stored = Run(path.name, path) if is_contents(path) else None
    known = None if stored is None else stored.stored_data
    if is_in_zoo(flags.target):
        known = zoo_run(flags.target).config.data
    config = flags.data_config(known)
    data = source_of(config).load(config)
    subject = _told(open_subject(flags.target, data, flags.adapter, flags.with_), say)
    if stored is not None:
        data = in_split_of(path, data)
    if subject.folder is not None:
        return subject, data
    known = replace(config, root=None if config.root is None else str(Path(config.root).resolve()))
    return subject.judged_on(known), data


def load_target(
    flags: SubjectFlags, say: Callable[[str], object] = lambda _: None
) -> "tuple[Subject, ImageData]":
    """As `open_target`, with a folder of results for a model without one."""
    from seatbelt_vae.subjects import store_subject

    subject, data = open_target(flags, say)
    if subject.folder is None:
        subject = store_subject(subject, flags.out or _RESULTS / subject.name)
    return subject, data


def _told(subject: "Subject", say: Callable[[str], object]) -> "Subject":
    if found := getattr(subject.model, "assumptions", {}):
        stated = "; ".join(f"{name}: {value}" for name, value in found.items())
        say(f"{subject.name} ({subject.kind}): {stated}")
    return subject
