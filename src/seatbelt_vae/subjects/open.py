"""The kinds of targets that name a subject.

To add a kind, write a module with the functions of `TargetKind` and list it in `TARGET_KINDS`.
"""

from pathlib import Path
from typing import Protocol

from seatbelt_vae.config import AdapterConfig
from seatbelt_vae.config.checks import one_of
from seatbelt_vae.config.wrappers import full_name
from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.runs.checked_files import no_such_path
from seatbelt_vae.runs.contents import SUBJECT, Run
from seatbelt_vae.subjects import (
    diffusers_folder,
    exported_program,
    pythae_folder,
    reference,
    run_subject,
    weights_file,
    zoo_model,
)
from seatbelt_vae.subjects.defended_subject import behind
from seatbelt_vae.subjects.foreign_subject import examined
from seatbelt_vae.subjects.hardened_folder import hardened
from seatbelt_vae.subjects.result_folder import continued, defence_of, settings_of, source_of
from seatbelt_vae.subjects.subject import Subject

__all__ = ["TARGET_KINDS", "TargetKind", "as_subject", "open_subject", "reopened"]


class TargetKind(Protocol):
    """The functions of a module for one kind of target."""

    def recognises(self, target: str, /) -> bool:
        """Whether a target is of this kind."""
        ...

    def open_target(self, target: str, data: ImageData | None, /) -> Subject:
        """The subject of the target."""
        ...


TARGET_KINDS: dict[str, TargetKind] = {
    "zoo": zoo_model,
    "run": run_subject,
    "reference": reference,
    "weights": weights_file,
    "exported": exported_program,
    "diffusers": diffusers_folder,
    "pythae": pythae_folder,
}
"""The modules of all kinds, tried in this order; a folder of results names one of them."""


def open_subject(
    target: str | Path,
    data: ImageData | None = None,
    settings: AdapterConfig | None = None,
    defence: str | None = None,
) -> Subject:
    """The subject that a target names.

    Args:
        target: a run folder, a folder of results, ``zoo:NAME``, ``package.module:function``,
            ``file.py:function``, a folder of diffusers or pythae, a .safetensors file of a known
            network, or a program of ``torch.export`` (.pt2).
        data: the data of the evaluation, for modules that do not declare the shape of their inputs.
        settings: how a foreign model is read (default: as it is found by trying it, or as it was
            when the folder of results was made).
        defence: a defence at inference to put around the model, such as ``averaging:8``, see
            `defended` (default: none, or that of the folder of results).

    Raises:
        ArtifactError: the target is of no kind, or its files are missing or damaged.
        ConfigError: the reference does not name a model, a setting does not apply to it, or the
            model cannot have the defence.
        ModelError: the model violates the protocol.
        ForeignStateError: a folder of results of a model that was read in another way.
    """
    if not isinstance(target, str | Path):
        as_subject(target)
    folder, settings = Path(target), settings or AdapterConfig()
    if defence is not None and full_name(defence) != _defence_of(folder):
        return behind(open_subject(target, data, settings), defence)
    if (folder / SUBJECT).exists():
        return reopened(Run(folder.name, folder), data, settings)
    kind = settings.kind or _kind_of(str(target))
    one_of("kind", kind, TARGET_KINDS)
    if not TARGET_KINDS[kind].recognises(str(target)):
        _check_forced(folder, kind)
    subject = TARGET_KINDS[kind].open_target(str(target), data)
    if not subject.states_its_reading:
        return examined(subject, data, settings)
    if settings.given.keys() - {"kind"}:
        raise ConfigError(
            f"{', '.join(settings.given)} for {target}, whose model states its "
            f"own: leave {', '.join(settings.given)} out"
        )
    return subject


def _check_forced(target: Path, kind: str) -> None:
    """Refuse a kind for a path that is missing, or for a folder without the files of that kind."""
    if not target.exists():
        raise no_such_path(target)
    if target.is_dir():
        raise ArtifactError(
            f"{target} lacks the files of kind {kind!r}: check the path, or leave kind out"
        )


def _defence_of(folder: Path) -> str | None:
    """The defence of the subject of a folder, if it is a folder of results."""
    return defence_of(Run(folder.name, folder)) if (folder / SUBJECT).exists() else None


def _kind_of(target: str) -> str:
    for kind, module in TARGET_KINDS.items():
        if module.recognises(target):
            return kind
    if not Path(target).exists():
        raise no_such_path(Path(target))
    if target.endswith(".py"):
        raise ConfigError(
            f"{target} without a function: name one that returns the model, as {target}:load"
        )
    raise ArtifactError(
        f"{target} is no subject: expected a run folder (made by `train`), a folder of results, "
        f"zoo:NAME, package.module:function, file.py:function, a folder of diffusers or pythae, or "
        f"a file of weights (.safetensors) or of a program (.pt2)"
    )


def reopened(
    stored: Run, data: ImageData | None = None, settings: AdapterConfig | None = None
) -> Subject:
    """The subject of a folder of results, opened from its source, with hardened weights if any.

    Raises:
        ArtifactError: the subject was a model in memory.
        ForeignStateError: the model of the source, the data, or the settings have changed.
    """
    chosen = settings_of(stored, settings or AdapterConfig())
    subject = open_subject(source_of(stored), data, chosen, defence_of(stored))
    subject = hardened(stored.folder, subject)
    return continued(stored, subject.judged_on(stored.stored_data))


def as_subject(given: Subject | RunFolder) -> Subject:
    """A subject as it is, or the subject of a run folder.

    Raises:
        ConfigError: another type, such as a model.
    """
    if isinstance(given, RunFolder):
        return run_subject.subject_of_run(given)
    if isinstance(given, Subject):
        return given
    raise ConfigError(
        f"a {type(given).__name__} is no subject: give a RunFolder, open_subject(target), or "
        f"subject_of_model(model, name, folder=path)"
    )
