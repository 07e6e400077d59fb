"""The loss that settings mean, found by its name: the file of that name, or a reference."""

from importlib import import_module

from seatbelt_vae.attacks.losses._bound import Loss
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.config.attack import parse_layers
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.references import is_reference, resolve_reference

__all__ = ["loss_of"]


def loss_of(config: AttackConfig, depth: int) -> Loss:
    """The loss that settings mean for a model of ``depth`` layers.

    Raises:
        ConfigError: layers that the model has not, or a reference to an object that is no loss.
    """
    layers = parse_layers(config.layers, depth)
    if not is_reference(config.loss):
        module = import_module(f"seatbelt_vae.attacks.losses.{config.loss.replace('-', '_')}")
        found: Loss = module.loss(config, layers)
        return found
    own = resolve_reference(config.loss)
    loss = own if isinstance(own, Loss) or not callable(own) else own(config, layers)
    if not isinstance(loss, Loss):
        raise ConfigError(
            f"loss {config.loss!r} gave a {type(loss).__name__}, expected a "
            f"seatbelt_vae.attacks.Loss or a function (config, layers) that returns one"
        )
    return loss
