"""Subjects of references: ``package.module:function`` or ``file.py:function``."""

from pathlib import Path

from torch import nn

from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.references import is_reference, resolve_reference
from seatbelt_vae.subjects.adapters import wrap
from seatbelt_vae.subjects.subject import Subject, subject_of_model

__all__ = ["open_target", "recognises"]


def recognises(target: str) -> bool:
    """Whether a target has the form of a reference."""
    return is_reference(target)


def open_target(target: str, data: ImageData | None = None) -> Subject:
    """The subject of a reference; importing and calling it executes the user's code.

    The reference names a model or a function without arguments that returns one: an `Autoencoder`,
    or a ``torch.nn.Module`` that `wrap` adapts with the data's shape and bounds [0, 1].

    Raises:
        ConfigError: the reference cannot be resolved, or does not name a model.
        ModelError: the model violates the protocol, or no adapter fits.
    """
    found = resolve_reference(target)
    if not _is_autoencoder(found) and not isinstance(found, nn.Module):
        if not callable(found):
            raise ConfigError(
                f"{target!r} is a {type(found).__name__}, expected a model or a function that "
                f"returns one"
            )
        found = found()
    if isinstance(found, nn.Module) and not _is_autoencoder(found):
        if data is None:
            raise ConfigError(
                f"{target!r} is a module without a known input shape: give --data, or return "
                f"seatbelt_vae.wrap(module, event_shape, bounds)"
            )
        found = wrap(found, tuple(data.image_shape))
    if not _is_autoencoder(found):
        raise ConfigError(
            f"{target!r} returned a {type(found).__name__}, expected a torch.nn.Module or a "
            f"seatbelt_vae.Autoencoder"
        )
    # imported here, because the subjects of runs need no check
    from seatbelt_vae.testing import check_autoencoder

    check_autoencoder(found)
    place, _, function = target.rpartition(":")
    stem = Path(place).stem if place.endswith(".py") else place.rpartition(".")[2]
    return subject_of_model(found, f"{stem}-{function}", source=target, kind="reference")


def _is_autoencoder(found: object) -> bool:
    return not isinstance(found, type) and isinstance(found, Autoencoder)
