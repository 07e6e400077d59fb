"""The loss of an attack's settings, by the name of its file or by a reference."""

from importlib import import_module

from seatbelt_vae.attacks.losses._bound import Loss
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.config.attack import parse_layers
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.references import is_reference, resolve_reference

__all__ = ["loss_of"]


def loss_of(config: AttackConfig, depth: int) -> Loss:
    """Create the loss that ``config.loss`` names, for a model of ``depth`` layers.

    Raises:
        ConfigError: layers that the model lacks, or a reference to an object that is not a loss.
    """
    layers = tuple(position + 1 for position in parse_layers(config.layers, depth))
    if not is_reference(config.loss):
        module = import_module(f"seatbelt_vae.attacks.losses.{config.loss.replace('-', '_')}")
        loss: Loss = module.loss(config, layers)
        return loss
    custom = resolve_reference(config.loss)
    is_function = callable(custom) and not isinstance(custom, Loss)
    loss = custom(config, layers) if is_function else custom
    if not isinstance(loss, Loss):
        raise ConfigError(
            f"loss {config.loss!r} gave a {type(loss).__name__}, expected a "
            f"seatbelt_vae.attacks.Loss or a function (config, layers) that returns one"
        )
    return loss
