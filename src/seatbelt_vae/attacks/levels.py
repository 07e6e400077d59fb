"""The levels of a suite per pair: a grid of λ, or budgets ε, in absolute units."""

import torch
from torch import Tensor

from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ConfigError

__all__ = ["levels_of"]


def levels_of(config: AttackConfig, problem: Problem) -> Tensor:
    r"""The levels of every pair, ascending, shape :math:`(P, W)`, float64.

    ``published`` weights are :math:`2^{\mathrm{linspace}(-20, 20, 50)}`. ``relative`` ones are
    :math:`\frac{r_0 - c}{\|x_t - x\|} 2^{\mathrm{linspace}(-10, 4, 29)}`, with the floor c of
    the loss, so that levels of different models are comparable. Budgets are multiples of
    `Threat.unit`.

    Raises:
        ConfigError: relative weights for a loss without a floor.
    """
    published = config.weights == "published"
    if config.within_budget:
        shares = torch.tensor(config.epsilons, dtype=torch.float64)
    elif config.levels is not None:
        shares = torch.tensor(config.levels, dtype=torch.float64)
    else:
        first, last, count = (-20, 20, 50) if published else (-10, 4, 29)
        count = config.weight_count or count
        shares = 2 ** torch.linspace(first, last, count, dtype=torch.float64)
    shares = shares.to(problem.x.device)
    if published:
        return shares.repeat(len(problem.x), 1)
    if not config.within_budget and problem.loss.floor is None:
        raise ConfigError(
            "relative weights for a loss without a floor: give the loss a floor, or use "
            "published weights or a budget"
        )
    return problem.level_unit[:, None] * shares
