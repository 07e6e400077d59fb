"""All conformance checks in one call."""

import torch
from torch import Tensor

from seatbelt_vae.config.checks import at_least
from seatbelt_vae.errors import ModelError
from seatbelt_vae.protocol import Autoencoder, modules_of
from seatbelt_vae.testing.behaviour import (
    check_gradients,
    check_maps,
    check_modes,
    check_random_decoder,
    check_untouched,
    state_of,
)
from seatbelt_vae.testing.probe import Probe
from seatbelt_vae.testing.shapes import (
    check_declarations,
    check_decoder,
    check_encoder,
    check_prior,
)

__all__ = ["check_autoencoder"]


def check_autoencoder(
    model: Autoencoder,
    *,
    batch: int = 3,
    seed: int = 0,
    inputs: Tensor | None = None,
    gradients: bool = True,
) -> None:
    r"""Raise unless ``model`` conforms to `Autoencoder`.

    The checks use random images in the bounds. They cover declarations, shapes without noise and
    with noise :math:`(B, d_i)` and :math:`(K, B, d_i)`, :math:`z = \mu + \sigma\odot\epsilon`,
    finite values, repeatable maps, independent rows, :math:`\mathcal N(0, I)` at the top of the
    prior, :math:`\log p \leq \max\log p`, gradients with respect to the image, and that images,
    parameters and buffers do not change.

    Args:
        model: an object with the attributes and methods of the protocol. Inputs take the dtype and
            the device of its first parameter (default: float32 on the CPU).
        batch: number of images, at least 2.
        seed: seed of images and noise.
        inputs: twice as many inputs as ``batch``, for models without bounds whose inputs are not
            like standard normal draws.
        gradients: whether gradients are checked.

    Raises:
        ModelError: a check fails; the message has the expected and the found value and a remedy.
        ConfigError: ``batch`` is below 2.

    Example:
        >>> from seatbelt_vae.config import ModelConfig, resolve
        >>> from seatbelt_vae.models import HierarchicalVAE
        >>> settings = ModelConfig(preset="vae", network="mlp", features=8)
        >>> model = HierarchicalVAE(resolve(settings, "dsprites", (1, 8, 8), (-1.0, 1.0)))
        >>> check_autoencoder(model.eval())
    """
    at_least("batch", batch, 2)
    check_declarations(model)
    check_modes(model)
    try:
        _check(model, batch, seed, inputs, gradients)
    except ModelError as error:
        weights = {weight.dtype for part in modules_of(model) for weight in part.parameters()}
        if torch.float16 in weights and "not finite" in str(error):
            raise ModelError(
                f"{error}; the weights are float16, which overflows above 65504: convert the model "
                f"with .float()"
            ) from None
        raise


def _check(
    model: Autoencoder, batch: int, seed: int, inputs: Tensor | None, gradients: bool
) -> None:
    probe = Probe.of(model, batch, seed, inputs)
    before = state_of(model)
    with torch.no_grad():
        check_encoder(model, probe)
        check_prior(model, probe)
        check_decoder(model, probe)
        check_random_decoder(model, probe)
        check_maps(model, probe)
    if gradients:
        check_gradients(model, probe)
    check_untouched(model, before)
