"""A loss of images and its gradient, whatever the model does to it."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["with_gradient"]


def with_gradient(form: Callable[[Tensor], Tensor], images: Tensor) -> tuple[Tensor, Tensor]:
    """What ``form`` makes of images, and the gradient of its sum with respect to them.

    A model that cuts its gradient off has gradient 0: it is attacked all the same, and flagged.
    """
    with torch.enable_grad():
        images = images.detach().requires_grad_()
        found = form(images)
        gradient = None
        if found.requires_grad:
            (gradient,) = torch.autograd.grad(found.sum(), images, allow_unused=True)
    return found.detach(), torch.zeros_like(images) if gradient is None else gradient
