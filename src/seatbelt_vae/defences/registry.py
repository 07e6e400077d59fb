"""Defences at inference by name, such as ``averaging:8``, or a function of the user."""

from collections.abc import Callable
from dataclasses import replace

from seatbelt_vae.config.defence import parse_defence
from seatbelt_vae.defences.averaging import Averaging
from seatbelt_vae.defences.center_smoothing import CenterSmoothing
from seatbelt_vae.defences.hamiltonian import HamiltonianMonteCarlo
from seatbelt_vae.defences.self_denoising import SelfDenoising
from seatbelt_vae.defences.wrapper import Wrapper
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.references import is_reference, resolve_reference

__all__ = ["DEFENCES", "defended", "with_noise"]

DEFENCES: dict[str, Callable[[Autoencoder, float], Wrapper]] = {
    "averaging": lambda inner, value: Averaging(inner, int(value)),
    "self-denoising": lambda inner, value: SelfDenoising(inner, int(value)),
    "hmc": lambda inner, value: HamiltonianMonteCarlo(inner, int(value)),
    "center-smoothing": lambda inner, value: CenterSmoothing(inner, value),
}


def defended(model: Autoencoder, defence: str) -> Autoencoder:
    """A model behind a defence.

    Args:
        model: the model without the defence.
        defence: a name with its number, see `parse_defence`; or a function that maps a model to a
            model, as ``package.module:function`` or ``file.py:function``.

    Raises:
        ConfigError: an unknown name, or the model lacks a capability that the defence needs.
    """
    if not is_reference(defence):
        name, value = parse_defence(defence)
        return DEFENCES[name](model, value)
    function = resolve_reference(defence)
    found = function(model) if callable(function) else None
    if not isinstance(found, Autoencoder):
        raise ConfigError(
            f"{defence} gave a {type(found).__name__}, expected a function that maps a "
            f"seatbelt_vae.Autoencoder to another"
        )
    return found


def with_noise(model: Autoencoder, seed: int | None) -> Wrapper | None:
    """The same defence with noise of another seed; None if it draws none of its own.

    Args:
        model: the defended model.
        seed: the seed; None for fresh noise at every call.
    """
    if not (isinstance(model, Wrapper) and model.random):
        return None
    return replace(model, fresh=True) if seed is None else replace(model, seed=seed, fresh=False)
