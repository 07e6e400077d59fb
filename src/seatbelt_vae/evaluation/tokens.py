"""Tokens of vector-quantised codes: the share that a distortion changes."""

from typing import Any

import torch
from torch import Tensor

from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import Autoencoder, capabilities_of

__all__ = ["tokens_changed"]


@torch.no_grad()
def tokens_changed(model: Autoencoder, x: Tensor, other: Tensor) -> Tensor:
    r""":math:`\tfrac1n\sum_i [t_i(x) \neq t_i(x')]` of n tokens per input, :math:`(B)`, float64.

    Args:
        model: an autoencoder with the capability ``tokens``.
        x, other: inputs :math:`(B, \text{event})`.

    Raises:
        ConfigError: the model has no tokens.

    Example:
        >>> from seatbelt_vae import wrap
        >>> class Rounded(torch.nn.Module):
        ...     def encode(self, x):
        ...         return x
        ...     def decode(self, z):
        ...         return z + (z.round() - z).detach()
        ...     def tokens(self, x):
        ...         return x.round().long()
        >>> x = torch.tensor([[0.2, 0.9]])
        >>> tokens_changed(wrap(Rounded(), (2,)), x, 1 - x.flip(1))
        tensor([0.], dtype=torch.float64)
    """
    if not capabilities_of(model).tokens:
        raise ConfigError(
            f"{type(model).__name__} has no tokens: give the module a method tokens(x), or declare "
            f"Capabilities(tokens=True) with it"
        )
    of: Any = model
    before, after = (of.tokens(images).flatten(1) for images in (x, other))
    changed: Tensor = before != after
    return changed.double().mean(1)
