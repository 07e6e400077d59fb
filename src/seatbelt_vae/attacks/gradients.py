"""A loss of images and its gradient, for models that may cut the gradient off."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["with_gradient"]


def with_gradient(form: Callable[[Tensor], Tensor], images: Tensor) -> tuple[Tensor, Tensor]:
    """The value of ``form`` at images, and the gradient of its sum with respect to them.

    The gradient is 0 for a model that cuts it off; a flag reports such a model.
    """
    with torch.enable_grad():
        images = images.detach().requires_grad_()
        value = form(images)
        gradient = None
        if value.requires_grad:
            (gradient,) = torch.autograd.grad(value.sum(), images, allow_unused=True)
    return value.detach(), torch.zeros_like(images) if gradient is None else gradient
