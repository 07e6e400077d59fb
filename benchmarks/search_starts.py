"""Start points of the independent search, from other distributions than the strong attack's.

The strong attack starts at the input, on the segment to the target, near the input, from white
noise around the input, and along gradients of codes. Here are mixtures with other images, noise
around the target, smooth noise, sparse jumps and differences of reconstructions. Patchworks of
input and target and uniform images are starts of the attack too, within budgets, with other
draws.
"""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from benchmarks.exact_problem import ExactProblem

__all__ = ["start_distortions"]


def start_distortions(
    problem: ExactProblem, others: Tensor, generator: torch.Generator
) -> dict[str, Tensor]:
    """Distortions (S, n) of each kind, inside the image bounds; 36 with 8 ``others``, images."""
    x, target = problem.x, problem.target
    low, high = problem.model.bounds
    shape, span = tuple(x.shape[1:]), high - low

    def uniform(*size: int, start: float = 0.0, end: float = 1.0) -> Tensor:
        draws = torch.rand(size, generator=generator, dtype=torch.float64)
        return start + (end - start) * draws

    def noise(*size: int) -> Tensor:
        return torch.randn(size, generator=generator, dtype=torch.float64)

    def scales(count: int) -> Tensor:
        return span * 10 ** uniform(count, 1, 1, 1, start=-2.5, end=-0.3)

    def coarse(count: int, cells: int, values: Tensor, mode: str) -> Tensor:
        return interpolate(values.view(count, -1, cells, cells), shape[1:], mode=mode)

    def code(image: Tensor) -> list[Tensor]:
        return list(problem.model.encode(image).z)

    masks = [
        coarse(2, cells, (uniform(2, 1, cells, cells) > 0.5).double(), "nearest")
        for cells in (2, 4, 8)
    ]
    smooth = [
        scales(2) * coarse(2, cells, noise(2, shape[0], cells, cells), "bilinear")
        for cells in (3, 6, 12)
    ]
    share, pieces = uniform(len(others), 1, 1, 1), uniform(6, *shape)
    with torch.no_grad():
        near, far = code(x), code(target)
        mixtures = [
            [torch.lerp(a, b, t) for a, b in zip(near, far, strict=True)]
            for t in (0.5, 1.0, 1.5, 2.0)
        ]
        decoded = [problem.model.decode(z).mean - problem.model.decode(near).mean for z in mixtures]
    jumps = torch.where(pieces < 0.02, low, torch.where(pieces > 0.98, high, x))
    images = {
        "mixture": torch.lerp(x, others, share),
        "around target": target + scales(6) * noise(6, *shape),
        "patchwork": torch.lerp(x, target, torch.cat(masks)),
        "smooth noise": x + torch.cat(smooth),
        "sparse jumps": jumps,
        "uniform": uniform(4, *shape, start=low, end=high),
        "reconstruction": x + torch.cat(decoded),
    }
    return {kind: (points.clamp(low, high) - x).flatten(1) for kind, points in images.items()}
