"""Functions whose rows are independent, with gradients by hand: R values and R gradients."""

from collections.abc import Callable

import torch
from torch import Tensor

Function = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def rosenbrock(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Σ 100(x_{i+1} − x_i²)² + (1 − x_i)²."""
    del rows
    curve, away = x[:, 1:] - x[:, :-1].square(), 1 - x[:, :-1]
    gradient = torch.zeros_like(x)
    gradient[:, :-1] = -400 * curve * x[:, :-1] - 2 * away
    gradient[:, 1:] += 200 * curve
    return (100 * curve.square() + away.square()).sum(1), gradient


def beale(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Beale's function of two variables."""
    del rows
    a, b = x.unbind(1)
    value, gradient = torch.zeros_like(a), torch.zeros_like(x)
    for power, constant in ((1, 1.5), (2, 2.25), (3, 2.625)):
        part = constant - a + a * b**power
        value = value + part.square()
        gradient[:, 0] += 2 * part * (b**power - 1)
        gradient[:, 1] += 2 * part * a * power * b ** (power - 1)
    return value, gradient


def quadratic(a: Tensor, b: Tensor) -> Function:
    """½‖A_r x − b_r‖², a problem of its own for every row; arithmetic independent of the batch."""

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        residual = (a[rows] * x[:, None]).sum(2) - b[rows]
        return 0.5 * residual.square().sum(1), (a[rows] * residual[..., None]).sum(1)

    return fun


def penalised(a: Tensor, b: Tensor, center: Tensor, weight: Tensor) -> Function:
    """½‖A_r x − b_r‖² + λ_r‖x − c_r‖, with a kink at c."""
    smooth = quadratic(a, b)

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        value, gradient = smooth(x, rows)
        away = x - center[rows]
        distance = away.norm(dim=1)
        pull = away / distance.clamp_min(1e-300)[:, None]
        return value + weight[rows] * distance, gradient + weight[rows, None] * pull

    return fun


def random_problems(rows: int, equations: int, size: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A and b of `quadratic`, float64."""
    draws = torch.Generator().manual_seed(seed)
    a = torch.randn(rows, equations, size, generator=draws, dtype=torch.float64)
    return a, torch.randn(rows, equations, generator=draws, dtype=torch.float64)
