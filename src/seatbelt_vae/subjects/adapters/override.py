"""Settings of the user in place of the assumptions that an adapter found."""

from dataclasses import replace

from seatbelt_vae.config import AdapterConfig
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.subjects.adapters.foreign import ForeignAutoencoder
from seatbelt_vae.subjects.adapters.layered import LayeredAutoencoder
from seatbelt_vae.subjects.adapters.reconstruct_only import Reconstruction
from seatbelt_vae.subjects.adapters.wrap import wrap

__all__ = ["READINGS", "overridden"]

READINGS = ("bounds", "code", "output", "order")
"""The settings that change the results of an adapter."""


_APPLICABLE: dict[type, tuple[str, ...]] = {
    ForeignAutoencoder: ("bounds", "code", "output"),
    LayeredAutoencoder: ("bounds", "code", "output", "order"),
    Reconstruction: ("bounds",),
}


def overridden(model: Autoencoder, settings: AdapterConfig) -> Autoencoder:
    """The adapter under the given settings of bounds, code, output and order.

    Raises:
        ConfigError: a setting that the adapter does not have.
    """
    changes = {key: value for key, value in settings.given.items() if key in READINGS}
    if "bounds" in changes:
        changes["bounds"] = settings.limits
    fitting = _APPLICABLE.get(type(model), ())
    if wrong := [name for name in changes if name not in fitting]:
        allowed = f"can be {', '.join(fitting)}" if fitting else "none: it states its own"
        raise ConfigError(
            f"{' and '.join(wrong)} cannot be given for a {type(model).__name__} (settings "
            f"{allowed}): leave {' and '.join(wrong)} out, or change what the target returns"
        )
    if isinstance(model, ForeignAutoencoder) and model.code == "none" != changes.get(
        "code", "none"
    ):
        raise ConfigError(
            f"code {changes['code']!r} for a model whose encode returns one tensor, which has no "
            f"spread: leave code out, or return mean and spread"
        )
    if "order" in changes and isinstance(model, LayeredAutoencoder):
        order = changes.pop("order")
        model = wrap(model.module, model.event_shape, model.bounds, code=model.code, order=order)
    return replace(model, **changes) if changes else model  # type: ignore[type-var]
