"""The grids of λ: the published one, and one relative to the pair, the same for every model."""

import torch
from torch import Tensor

from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.config import AttackConfig

__all__ = ["weight_grid"]


def weight_grid(config: AttackConfig, problem: Problem) -> Tensor:
    r"""The λ of a pair, ascending, shape :math:`(W)`, float64.

    ``published`` is :math:`2^{\mathrm{linspace}(-20, 20, 50)}`. ``relative`` is
    :math:`\frac{r_0 - c}{\|x_t - x\|} 2^{\mathrm{linspace}(-10, 4, 29)}`, which puts every model on
    the same curve of :math:`\Delta/r_0` from 0 to 1.
    """
    if config.weights == "published":
        return 2 ** torch.linspace(-20, 20, config.weight_count or 50, dtype=torch.float64)
    exponents = torch.linspace(-10, 4, config.weight_count or 29, dtype=torch.float64)
    return problem.span / problem.image_distance * 2**exponents
