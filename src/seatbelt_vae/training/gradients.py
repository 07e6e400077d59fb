"""Gradients of a batch that several workers share."""

import torch
from torch import nn

from seatbelt_vae.workers import averaged, worker_count

__all__ = ["average_gradients"]


@torch.no_grad()
def average_gradients(model: nn.Module) -> None:
    """Replace every gradient by its mean over the workers, in one exchange.

    The networks are small and the exchange is one message: overlapping it with the backward pass,
    as torch's DistributedDataParallel does, would gain nothing and want the model wrapped.
    """
    if worker_count() == 1:
        return
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    means = averaged(torch.cat([gradient.flatten() for gradient in gradients]))
    parts = means.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view(gradient.shape))
