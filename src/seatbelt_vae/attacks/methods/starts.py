"""Start points: between input and target, near the input, at random, along codes, and far away."""

import torch
from torch import Tensor

from seatbelt_vae.attacks.gradients import with_gradient
from seatbelt_vae.attacks.losses import Codes, mean_over_draws
from seatbelt_vae.attacks.problem import Problem

__all__ = ["along_codes", "noise_start", "restarts", "segment", "whole_images"]

_START_AMPLITUDE = 1e-3
_RESTART_SCALES = (0.03, 0.1, 0.3, 1.0)
_CELLS = (2, 4, 8)


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


def whole_images(problem: Problem, pair: int, rows: int, generator: torch.Generator) -> Tensor:
    r"""Images far from x, in turn uniform within the bounds and patchworks, :math:`(R, n)`.

    A patchwork takes each cell of a coarse grid from x or from the target. The descent projects an
    image onto the region of its threat. At an image on its bounds, isotropic noise has no mean
    after the projection; uniform images keep theirs. Unbounded values are normal around x, with the
    spread of :math:`x_t - x`.
    """
    x, target = problem.x[pair].cpu().double(), problem.target[pair].cpu().double()
    low, high = (torch.as_tensor(b, dtype=torch.float64).cpu() for b in problem.bounds)
    share = torch.rand(rows, len(x), generator=generator, dtype=torch.float64)
    normal = torch.randn(rows, len(x), generator=generator, dtype=torch.float64)
    uniform = torch.lerp(low.expand_as(share), high.expand_as(share), share)
    images = torch.where(uniform.isfinite(), uniform, x + (target - x).std() * normal)
    if rows > 1 and not target.equal(x):
        masks = [_patches(problem.event_shape, _CELLS[row % 3], generator) for row in range(rows)]
        images[1::2] = torch.where(torch.stack(masks), target, x)[1::2]
    return problem.bounds.clamp(images.to(problem.x))


def _patches(shape: tuple[int, ...], cells: int, generator: torch.Generator) -> Tensor:
    """A coin per cell of a coarse grid over an image, or over a vector, flattened, boolean."""
    places = [torch.arange(size) * cells // size for size in shape[-2:]]
    coins = torch.rand([cells] * len(places), generator=generator) < 0.5
    return coins[torch.meshgrid(*places, indexing="ij")].expand(shape).flatten()


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
