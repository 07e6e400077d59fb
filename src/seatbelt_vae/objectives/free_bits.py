"""Free bits: a group of units may carry this much information without being charged for it."""

import torch
from torch import Tensor

from seatbelt_vae.parallel.process_group import ALONE, ProcessGroup

__all__ = ["free_bits"]


def free_bits(
    units: Tensor, floor: float, group: str, workers: ProcessGroup = ALONE
) -> tuple[Tensor, Tensor]:
    r""":math:`\sum_g \max(\lambda_{fb}, m_g)`, with :math:`m_g` the batch mean of the group's term.

    The mean stands inside the max, and is that of the whole batch where workers share it. Below the
    top layer :math:`m_g` is a noisy mean of log-ratios,
    no KL, and may be negative even at the exact posterior; groups of a whole layer are calmer.

    Args:
        units: divergence of each image and unit, :math:`(B, d)`, nats.
        floor: :math:`\lambda_{fb}`, nats per group; 0 leaves the sum as it is.
        group: ``unit`` or ``layer``.
        workers: the processes that share the batch.

    Returns:
        The sum, and how many groups sit at the floor out of how many, as a share.

    Source: Kingma et al. (2016), appendix C.8.

    Example:
        >>> free_bits(torch.tensor([[0.0, 3.0], [0.1, 1.0]]), 0.5, "unit")
        (tensor(2.5000), tensor(0.5000))
    """
    means = workers.mean(units.mean(0))
    if group == "layer":
        means = means.sum(0, keepdim=True)
    if floor == 0:
        return means.sum(), torch.zeros_like(means.sum())
    return means.clamp(min=floor).sum(), (means <= floor).to(means).mean()
