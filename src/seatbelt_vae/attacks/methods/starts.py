"""Where descents begin: between the images, beside the input, and at random distances from it."""

import torch
from torch import Tensor

from seatbelt_vae.attacks.problem import Problem

__all__ = ["beside", "noise_start", "restarts", "segment"]

_NOISE, _HARDLY = 1e-3, 1e-5
_RESTART_SCALES = (0.03, 0.1, 0.3, 1.0)


def segment(problem: Problem) -> Tensor:
    r"""Points :math:`x + t(x_t - x)`, :math:`t = \tfrac18, \dots, 1`; shape :math:`(P, 8, n)`.

    Evaluated once they serve every level of a pair, and t = 1 gives the trivial bound.
    """
    t = torch.arange(1, 9, device=problem.x.device, dtype=problem.x.dtype)[:, None] / 8
    return torch.lerp(problem.x[:, None], problem.target[:, None], t)


def noise_start(problem: Problem, pair: int, rows: int, generator: torch.Generator) -> Tensor:
    r"""A pair's input with uniform noise of amplitude :math:`10^{-3}(hi - lo)`, :math:`(R, n)`.

    The published :math:`10^{-8}` vanishes in float32 beside a pixel of size 1, and would leave the
    descent on the kink of :math:`\|d\|`.
    """
    return _beside(problem, problem.x[pair].expand(rows, -1), _NOISE, generator)


def beside(problem: Problem, points: Tensor, generator: torch.Generator) -> Tensor:
    r"""Points :math:`(R, n)` with noise of amplitude :math:`10^{-5}(hi - lo)`.

    Enough to be off a kink, and the less the sooner what it costs is made up for.
    """
    return _beside(problem, points, _HARDLY, generator)


def _beside(
    problem: Problem, points: Tensor, amplitude: float, generator: torch.Generator
) -> Tensor:
    draws = torch.rand(points.shape, generator=generator, dtype=torch.float64)
    noise = (2 * draws - 1) * amplitude * problem.bounds.span
    return problem.bounds.clamp(points + noise.to(points))


def restarts(
    problem: Problem, pair: int, levels: Tensor, count: int, generator: torch.Generator
) -> Tensor:
    r"""Points :math:`x + s\,\rho/\sqrt n\;\epsilon` in the box, ``count`` a level, level by level.

    :math:`\rho` is the distance the threat lets distortions go, :math:`\|x_t-x\|` under a penalty.
    The scales s = .03, .1, .3, 1 take turns, so that four restarts of a row see each once.
    """
    x = problem.x[pair]
    scales = torch.tensor(_RESTART_SCALES).repeat(-(-count // len(_RESTART_SCALES)))[:count]
    noise = torch.randn(len(levels), count, len(x), generator=generator, dtype=torch.float64)
    reach = problem.threat.reach(problem.image_norms[pair], levels, len(x)).cpu()
    noise *= (scales * reach[:, None] / len(x) ** 0.5)[..., None]
    return problem.bounds.clamp(x + noise.flatten(0, 1).to(x))
