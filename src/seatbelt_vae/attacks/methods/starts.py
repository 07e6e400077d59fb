"""Start points: between input and target, near the input, at random, and along codes."""

import torch
from torch import Tensor

from seatbelt_vae.attacks.gradients import with_gradient
from seatbelt_vae.attacks.losses import Codes, mean_over_draws
from seatbelt_vae.attacks.problem import Problem

__all__ = ["along_codes", "noise_start", "restarts", "segment"]

_START_AMPLITUDE = 1e-3
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
    x = problem.x[pair]
    draws = torch.rand(rows, len(x), generator=generator, dtype=torch.float64)
    noise = (2 * draws - 1) * _START_AMPLITUDE * problem.bounds.span
    return problem.bounds.clamp(x + noise.to(x))


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
    radius = problem.threat.start_radius(problem.image_norms[pair], levels, len(x)).cpu()
    noise *= (scales * radius[:, None] / len(x) ** 0.5)[..., None]
    return problem.bounds.clamp(x + noise.flatten(0, 1).to(x))


def along_codes(
    problem: Problem, pair: int, levels: Tensor, count: int, generator: torch.Generator
) -> Tensor:
    r"""Points :math:`x + \rho\,J_i^T u / \|J_i^T u\|` in the box, ``count`` per level in turn.

    :math:`J_i` is the Jacobian of layer i's code at x, with layers in turn, and
    :math:`u \sim N(0, I)`. Gradient steps from isotropic noise all turn to the direction that moves
    the codes most; these starts also reach minima in other directions. No points if the loss has no
    codes.
    """
    x, codes = problem.x[pair], problem.loss.codes
    if codes is None or count == 0:
        return problem.x[:0]
    points = x.expand(len(levels) * count, -1).split(problem.micro_batch)
    gradients = [_code_gradients(problem, codes, pair, chunk, generator) for chunk in points]
    direction = torch.nn.functional.normalize(torch.cat(gradients))
    radius = problem.threat.start_radius(problem.image_norms[pair], levels, len(x)).to(x)
    return problem.bounds.clamp(x + radius.repeat_interleave(count)[:, None] * direction)


def _code_gradients(
    problem: Problem, codes: Codes, pair: int, points: Tensor, generator: torch.Generator
) -> Tensor:
    """Gradients of random projections of the codes at points (R, n), one layer each."""
    rows = torch.arange(len(points), device=points.device)

    def projections(images: Tensor) -> Tensor:
        projected = []
        for code in codes(images, torch.full_like(rows, pair)):
            u = torch.randn(code.shape[-2:], generator=generator, dtype=torch.float64).to(code)
            projected.append(mean_over_draws((code * u).sum(-1)))
        return torch.stack(projected)[rows % len(projected), rows]

    return with_gradient(projections, points.view(-1, *problem.event_shape))[1].flatten(1)
