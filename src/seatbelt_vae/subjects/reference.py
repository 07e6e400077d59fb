"""Opens references, ``package.module:function`` or ``file.py:function``, as subjects."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from torch import Tensor, nn

from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import ConfigError, SeatbeltError
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.references import guarded, is_reference, resolve_reference
from seatbelt_vae.subjects.adapters import wrap
from seatbelt_vae.subjects.adapters.template import template
from seatbelt_vae.subjects.foreign_subject import usual_bounds
from seatbelt_vae.subjects.subject import Subject, subject_of_model

__all__ = ["open_target", "recognises"]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def recognises(target: str) -> bool:
    """Whether a target has the form of a reference."""
    return is_reference(target)


def open_target(target: str, data: ImageData | None = None) -> Subject:
    """The subject of a reference; importing and calling it executes the user's code.

    The reference names a model, a function without arguments that returns one, or a function of
    inputs that returns reconstructions. A model is an `Autoencoder`, or a ``torch.nn.Module`` that
    `wrap` adapts with the data's shape and bounds [0, 1], or none for vectors.

    Raises:
        ConfigError: the reference cannot be resolved, or does not name a model.
        ModelError: no adapter fits.
    """
    found = resolve_reference(target)
    if not _is_model(found) and callable(found) and not _takes_inputs(found):
        found = _called(target, found)
    if not _is_autoencoder(found) and callable(found):
        if data is None:
            raise ConfigError(
                f"{target!r} is a module without a known input shape: give --data, or return "
                f"seatbelt_vae.wrap(module, event_shape, bounds)"
            )
        found = wrap(found, tuple(data.image_shape), usual_bounds(data))
    if _is_state_dict(found):
        raise ConfigError(
            f"{target!r} gave a state_dict, the {len(found)} weights of a module without their "
            f"network: make the module, call its load_state_dict with them, and return the module"
        )
    if not _is_autoencoder(found):
        error = ConfigError(
            f"{target!r} gave a {type(found).__name__}, expected a torch.nn.Module, a function of "
            f"inputs or a seatbelt_vae.Autoencoder, as below"
        )
        shape = (3, 64, 64) if data is None else data.image_shape
        error.add_note(template(shape, (0.0, 1.0) if data is None else usual_bounds(data)))
        raise error
    place, _, function = target.rpartition(":")
    stem = Path(place).stem if place.endswith(".py") else place.rpartition(".")[2]
    return subject_of_model(found, f"{stem}-{function}", source=target, kind="reference")


def _called(target: str, function: Callable[[], Any]) -> Any:
    try:
        with guarded(f"calling {target}"):
            return function()
    except SeatbeltError:
        raise
    except (Exception, SystemExit) as error:
        reason = (str(error).splitlines() or ["no message"])[0]
        raise ConfigError(
            f"calling {target} failed: {type(error).__name__}: {reason}; expected a function that "
            f"returns a model"
        ) from error


def _is_model(found: object) -> bool:
    return isinstance(found, nn.Module) or _is_autoencoder(found)


def _is_state_dict(found: object) -> TypeGuard[Mapping[str, Tensor]]:
    return (
        isinstance(found, Mapping)
        and len(found) > 0
        and all(isinstance(value, Tensor) for value in found.values())
    )


def _is_autoencoder(found: object) -> bool:
    return not isinstance(found, type) and isinstance(found, Autoencoder)


def _takes_inputs(found: Any) -> bool:
    """Whether a function has a parameter without a default."""
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):  # some built-in callables have no signature
        return False
    return any(p.default is p.empty and p.kind in _POSITIONAL for p in parameters)
