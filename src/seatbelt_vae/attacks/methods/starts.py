"""Start points: between input and target, near the input, and at random distances from it."""

import torch
from torch import Tensor

from seatbelt_vae.attacks.problem import Problem

__all__ = ["noise_start", "perturbed", "restarts", "segment"]

_START_AMPLITUDE, _PERTURBATION = 1e-3, 1e-5
_RESTART_SCALES = (0.03, 0.1, 0.3, 1.0)


def segment(problem: Problem) -> Tensor:
    r"""Points :math:`x + t(x_t - x)`, :math:`t = \tfrac18, \dots, 1`; shape :math:`(P, 8, n)`.

    One evaluation serves all levels of a pair, and t = 1 gives the trivial bound.
    """
    t = torch.arange(1, 9, device=problem.x.device, dtype=problem.x.dtype)[:, None] / 8
    return torch.lerp(problem.x[:, None], problem.target[:, None], t)


def noise_start(problem: Problem, pair: int, rows: int, generator: torch.Generator) -> Tensor:
    r"""A pair's input with uniform noise of amplitude :math:`10^{-3}(hi - lo)`, :math:`(R, n)`.

    The published amplitude :math:`10^{-8}` vanishes in float32 next to a pixel of size 1: the
    descent would start on the kink of :math:`\|d\|`.
    """
    return _add_noise(problem, problem.x[pair].expand(rows, -1), _START_AMPLITUDE, generator)


def perturbed(problem: Problem, points: Tensor, generator: torch.Generator) -> Tensor:
    r"""Points :math:`(R, n)` with noise of amplitude :math:`10^{-5}(hi - lo)`.

    Enough to leave a kink of the loss, at the smallest cost in its value.
    """
    return _add_noise(problem, points, _PERTURBATION, generator)


def _add_noise(
    problem: Problem, points: Tensor, amplitude: float, generator: torch.Generator
) -> Tensor:
    draws = torch.rand(points.shape, generator=generator, dtype=torch.float64)
    noise = (2 * draws - 1) * amplitude * problem.bounds.span
    return problem.bounds.clamp(points + noise.to(points))


def restarts(
    problem: Problem, pair: int, levels: Tensor, count: int, generator: torch.Generator
) -> Tensor:
    r"""Points :math:`x + s\,\rho/\sqrt n\;\epsilon` in the box, ``count`` per level in turn.

    :math:`\rho` is the largest distortion that the threat allows, or :math:`\|x_t-x\|` under a
    penalty. The scales s = 0.03, 0.1, 0.3, 1 alternate: four restarts of a row use each once.
    """
    x = problem.x[pair]
    scales = torch.tensor(_RESTART_SCALES).repeat(-(-count // len(_RESTART_SCALES)))[:count]
    noise = torch.randn(len(levels), count, len(x), generator=generator, dtype=torch.float64)
    reach = problem.threat.reach(problem.image_norms[pair], levels, len(x)).cpu()
    noise *= (scales * reach[:, None] / len(x) ** 0.5)[..., None]
    return problem.bounds.clamp(x + noise.flatten(0, 1).to(x))
