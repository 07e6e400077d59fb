"""The exponential moving average of a model's weights."""

import copy

import torch
from torch import Tensor

from seatbelt_vae.models import HierarchicalVAE

__all__ = ["AveragedModel"]


class AveragedModel:
    r"""A copy of a model with weights :math:`\bar w \leftarrow a\,\bar w + (1 - a)\,w`.

    Running moments of batch normalisation are averaged like weights. After step t,
    :math:`a = \min(\text{decay}, (1 + t) / (10 + t))`, which discounts the first weights.

    Args:
        model: the model in training.
        decay: the largest a.
    """

    def __init__(self, model: HierarchicalVAE, decay: float) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, model: HierarchicalVAE, step: int) -> None:
        """Update the average with the weights after a step, counted from 1."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(_floats(self.model), _floats(model), 1 - decay)


def _floats(model: HierarchicalVAE) -> list[Tensor]:
    return [tensor for tensor in model.state_dict().values() if tensor.is_floating_point()]
