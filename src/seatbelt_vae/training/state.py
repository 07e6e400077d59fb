"""Weights of a network, stored as named tensors and loaded from them."""

from collections.abc import Mapping

from torch import Tensor, nn

__all__ = ["load_weights", "weights"]


def weights(name: str, network: nn.Module) -> dict[str, Tensor]:
    """The weights and buffers of a network; each key is ``name.`` and the key in its state_dict."""
    return {f"{name}.{key}": tensor for key, tensor in network.state_dict().items()}


def load_weights(name: str, network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `weights`."""
    network.load_state_dict({key: tensors[f"{name}.{key}"] for key in network.state_dict()})
