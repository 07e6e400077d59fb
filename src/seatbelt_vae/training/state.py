"""Weights and Adam moments of a network, stored as named tensors and loaded from them."""

from collections.abc import Mapping

from torch import Tensor, nn

from seatbelt_vae.optim import Adam

__all__ = ["load_moments", "load_weights", "moments", "weights"]


def weights(name: str, network: nn.Module) -> dict[str, Tensor]:
    """The weights and buffers of a network; each key is ``name.`` and the key in its state_dict."""
    return {f"{name}.{key}": tensor for key, tensor in network.state_dict().items()}


def load_weights(name: str, network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `weights`."""
    network.load_state_dict({key: tensors[f"{name}.{key}"] for key in network.state_dict()})


def moments(name: str, optimizer: Adam) -> dict[str, Tensor]:
    """The moments of an optimiser, with keys such as ``name.conv.weight.exp_avg``."""
    return {f"{name}.{key}": tensor for key, tensor in optimizer.tensors().items()}


def load_moments(name: str, optimizer: Adam, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `moments`."""
    prefix = f"{name}."
    optimizer.load({k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)})
