"""Continues a run with other settings: on another machine, with moved data, or for longer."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from seatbelt_vae.config import RunConfig, TrainingConfig
from seatbelt_vae.config.training import SPEED_ONLY
from seatbelt_vae.data.identity import IDENTITY
from seatbelt_vae.errors import ConfigError, ForeignStateError
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.runs.contents import HARDENED
from seatbelt_vae.training.rates import learning_rate, steps_of

__all__ = ["check_continues", "decisive", "extend", "is_longer", "move_data"]

logger = logging.getLogger(__name__)

_LENGTH = ("steps", "epochs")
_RESULTS = ("model.safetensors", "attacks", "evaluation", "report.html")


def decisive(settings: RunConfig) -> RunConfig:
    """The settings without those that may change when a run is continued."""
    default = TrainingConfig()
    free = {name: getattr(default, name) for name in (*SPEED_ONLY, *_LENGTH)}
    data = replace(settings.data, root=None)  # the identity of the images decides
    return replace(settings, data=data, training=replace(settings.training, **free))


def check_continues(folder: RunFolder, wanted: RunConfig, images: int) -> None:
    """Check that a run can be continued with the settings ``wanted``.

    Args:
        folder: the run folder.
        wanted: the settings.
        images: number of training images.

    Raises:
        ForeignStateError: settings differ that cannot change in a run, or it was hardened.
        ConfigError: fewer steps than stored.
    """
    stored = folder.config
    if (folder.path / HARDENED).exists():
        raise ForeignStateError(
            f"{folder.path} was hardened after its training: train the run that it was made from"
        )
    if decisive(wanted) != decisive(stored):
        free = ", ".join((*SPEED_ONLY, *_LENGTH, "root"))
        raise ForeignStateError(
            f"{folder.path} was made with other settings ({_differences(stored, wanted)}): resume "
            f"it with these, only {free} may change; or train in another folder"
        )
    if wanted.data.root != stored.data.root and not (folder.path / IDENTITY).exists():
        raise ForeignStateError(
            f"{folder.path} does not store which images it was trained on, so that those in "
            f"{wanted.data.root} cannot be compared: put them back to {stored.data.root}"
        )
    before, after = (steps_of(settings.training, images) for settings in (stored, wanted))
    if after < before:
        raise ConfigError(
            f"{folder.path} has {before} steps and {after} were asked for: give at least {before}, "
            f"or train in another folder"
        )


def is_longer(folder: RunFolder, wanted: RunConfig, images: int) -> bool:
    """Whether settings have more steps than the stored ones."""
    return steps_of(wanted.training, images) > steps_of(folder.config.training, images)


def move_data(folder: RunFolder, wanted: RunConfig) -> None:
    """Store the place of data that have moved."""
    stored = folder.config
    data = replace(stored.data, root=wanted.data.root)
    folder.store_config(replace(stored, data=data))
    logger.warning("%s: its data are in %s from now on", folder.path, data.root)


def extend(folder: RunFolder, wanted: RunConfig, done: int, steps: int) -> None:
    """Store the settings of a longer run, and log the learning rate from here on.

    The model and the results of a finished run are moved to ``earlier/step-<n>/``.

    Args:
        folder: the run folder.
        wanted: the settings with more steps.
        done: number of steps done.
        steps: number of steps in all.
    """
    earlier = _set_aside(folder.path, done)
    length = {name: getattr(wanted.training, name) for name in _LENGTH}
    stored = folder.config
    folder.store_config(replace(stored, training=replace(stored.training, **length)))
    if not done:
        return
    rate = learning_rate(wanted.training, done + 1, steps)
    if wanted.training.schedule == "constant":
        equal = "constant, so that the run equals one of that length"
    else:
        equal = (
            f"that of a cosine over {steps} steps, so that the run differs from one of that length"
        )
    moved = f"; the model and results of step {done} are in {earlier}" if earlier else ""
    logger.warning(
        "%s goes on from step %d to %d: the learning rate is %.3g, %s; warm-ups are unchanged%s",
        *(folder.path, done, steps, rate, equal, moved),
    )


def _set_aside(path: Path, done: int) -> Path | None:
    found = [path / name for name in _RESULTS if (path / name).exists()]
    place = path / "earlier" / f"step-{done:09d}"
    for source in found:
        place.mkdir(parents=True, exist_ok=True)
        source.rename(place / source.name)
    return place if found else None


def _differences(stored: RunConfig, wanted: RunConfig) -> str:
    before, after = (_flat(asdict(decisive(settings))) for settings in (stored, wanted))
    names = [name for name in before if before[name] != after[name]]
    return ", ".join(f"{name} {before[name]}, not {after[name]}" for name in names)


def _flat(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: value for section in settings.values() for name, value in section.items()}
