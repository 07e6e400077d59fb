"""Weights and Adam moments of a network, stored as named tensors and loaded from them."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

__all__ = ["load_moments", "load_weights", "moments", "weights"]

_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def weights(name: str, network: nn.Module) -> dict[str, Tensor]:
    """The weights and buffers of a network; each key is ``name.`` and the key in its state_dict."""
    return {f"{name}.{key}": tensor for key, tensor in network.state_dict().items()}


def load_weights(name: str, network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `weights`."""
    network.load_state_dict({key: tensors[f"{name}.{key}"] for key in network.state_dict()})


def moments(name: str, network: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    """The Adam moments of updated parameters, with keys such as ``name.conv.weight.exp_avg``."""
    return {
        f"{name}.{key}.{moment}": optimizer.state[parameter][moment]
        for key, parameter in network.named_parameters()
        for moment in _MOMENTS
        if parameter in optimizer.state
    }


def load_moments(
    name: str, network: nn.Module, optimizer: Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """The inverse of `moments`."""
    for key, parameter in network.named_parameters():
        if f"{name}.{key}.step" in tensors:
            # fused Adam reads moments and weights at equal offsets: copy the weights' memory layout
            loaded = {
                moment: torch.empty_like(parameter).copy_(tensors[f"{name}.{key}.{moment}"])
                for moment in ("exp_avg", "exp_avg_sq")
            }
            step = tensors[f"{name}.{key}.step"].to(parameter.device)
            optimizer.state[parameter] = {"step": step, **loaded}
