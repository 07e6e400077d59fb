"""Defences at inference by name, such as ``averaging:8``, or a function of the user."""

from dataclasses import dataclass, replace
from typing import Any

from seatbelt_vae.config.wrappers import WRAPPERS, parse_wrapper
from seatbelt_vae.defences.wrapper import Wrapper
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.references import is_reference, resolve_reference

__all__ = ["defended", "with_noise"]


@dataclass(frozen=True, eq=False)
class _OwnDefence(Wrapper):
    """A defended model that a function of the user made.

    Args:
        original: the model that was given to the function.
    """

    original: Autoencoder

    @property
    def undefended(self) -> Autoencoder:
        """The model that was given to the function."""
        return self.original


def defended(model: Autoencoder, defence: str) -> Wrapper:
    """A model behind a defence.

    Args:
        model: the model without the defence.
        defence: a name with its number, see `parse_wrapper`; or a function that maps a model to a
            model, as ``package.module:function`` or ``file.py:function``.

    Raises:
        ConfigError: an unknown name, or the model lacks a capability that the defence needs.
    """
    if not is_reference(defence):
        name, value = parse_wrapper(defence)
        wrapper: Wrapper = resolve_reference(WRAPPERS[name].wrapper)(model, value)
        return wrapper
    function = resolve_reference(defence)
    found = function(model) if callable(function) else None
    if not isinstance(found, Autoencoder):
        raise ConfigError(
            f"{defence} gave a {type(found).__name__}, expected a function that maps a "
            f"seatbelt_vae.Autoencoder to another"
        )
    if isinstance(found, Wrapper) and found.undefended is model:
        return found
    return _OwnDefence(found, model)


def with_noise(model: Autoencoder, seed: int | None) -> Wrapper | None:
    """The same defence with noise of another seed; None if it draws none of its own.

    Defences around defences all get that seed.

    Args:
        model: the defended model.
        seed: the seed; None for fresh noise at every call.
    """
    if not isinstance(model, Wrapper):
        return None
    inner = with_noise(model.inner, seed)
    if inner is None and not model.random:
        return None
    seeds: dict[str, Any] = {"fresh": True} if seed is None else {"seed": seed, "fresh": False}
    return replace(model, inner=inner or model.inner, **seeds)
