"""Free bits: the divergence of a group of units that the objective does not charge."""

import torch
from torch import Tensor

from seatbelt_vae.parallel.process_group import ALONE, ProcessGroup

__all__ = ["free_bits"]


def free_bits(
    units: Tensor, floor: float, group: str, workers: ProcessGroup = ALONE
) -> tuple[Tensor, Tensor]:
    r""":math:`\sum_g \max(\lambda_{fb}, m_g)`, with :math:`m_g` the batch mean of the group's term.

    The mean is inside the max, over the batch of all workers. Below the top layer :math:`m_g` is a
    mean of log-ratios, which may be negative even at the exact posterior. Groups of a whole layer
    have less relative noise.

    Args:
        units: divergence of each image and unit, :math:`(B, d)`, nats.
        floor: :math:`\lambda_{fb}`, nats per group; 0 leaves the sum as it is.
        group: ``unit`` or ``layer``.
        workers: the processes that share the batch.

    Returns:
        The sum, and the share of groups at the floor.

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
