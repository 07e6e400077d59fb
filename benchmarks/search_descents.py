r"""Long descents by SciPy's L-BFGS-B in float64 from many starts, on all levels of one pair.

Descents work on distortions d in the box. A budget :math:`\|d\|_\infty \leq \varepsilon` shrinks
the box. A budget :math:`\|d\|_2 \leq \varepsilon` scales longer distortions down in the first
stage, and is a constraint of an augmented Lagrangian in the second. Within budgets every start also
takes gradient steps of falling length, which reach minima that L-BFGS-B misses. Distances as losses
have a kink on the set where they are 0; they are smoothed by a width that falls from descent to
descent.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import fmin_l_bfgs_b
from torch import Tensor

from benchmarks.exact_problem import ExactProblem
from seatbelt_vae.attacks.methods.lockstep import run_in_lockstep

__all__ = ["Effort", "search"]

Vector = NDArray[np.float64]
Function = Callable[[Vector], tuple[float, Vector]]
Effort = tuple[int, int, int]
"""Evaluations of a first descent, number of second descents per level, and their evaluations."""

_WIDTHS = (1e-1, 1e-2, 1e-3, 1e-5, 0.0)
_FIRST_WIDTH = 3e-2
_ROUNDS = 4
_BATCH = 256
_SMALLEST_SCALE = 1e-12
_FALL = 1e-6
_STEPS = 200


def search(
    problem: ExactProblem, levels: Tensor, starts: Tensor, effort: Effort
) -> tuple[Tensor, Tensor]:
    """The best distortion under each level, (W, n), and the index of its start, (W).

    Every start (S, n) descends under every level; the best ends under each level, of any level's
    descents, descend further.
    """
    first, finalists, long = effort
    count = len(levels)
    scale = float(problem.divergence(torch.zeros_like(starts[:1]))[0])
    widths = [abs(scale) * w if problem.is_distance else 0.0 for w in (_FIRST_WIDTH, *_WIDTHS)]
    rows = [(level, start) for level in range(count) for start in range(len(starts))]
    ends = _descend(
        problem,
        [(levels[level], starts[start]) for level, start in rows],
        partial(_short_descent, width=widths[0], evaluations=first),
    )
    origins = torch.tensor([start for _, start in rows])
    if "penalty" not in problem.threat:
        stepped = [_stepped(problem, level, starts) for level in levels]
        ends, origins = torch.cat([ends, *stepped]), origins.repeat(2)
    chosen = [(w, k) for w in range(count) for k in _best(problem, levels[w], ends, finalists)]
    longer = _descend(
        problem,
        [(levels[w], ends[k]) for w, k in chosen],
        partial(_long_descent, widths=widths[1:], evaluations=long),
    )
    points = torch.cat([ends, longer])
    origins = torch.cat([origins, origins[[k for _, k in chosen]]])
    index = [_best(problem, level, points, 1)[0] for level in levels]
    return points[index], origins[index]


def _stepped(problem: ExactProblem, level: Tensor, starts: Tensor) -> Tensor:
    """The best of gradient steps of falling length within a budget from each start, (S, n)."""
    low, high = ((bound - problem.x).flatten() for bound in problem.model.bounds)
    if problem.threat == "linf":
        low, high = low.clamp(min=-level), high.clamp(max=level)

    def onto(d: Tensor) -> Tensor:
        d = d.clamp(low, high)
        longer = d.norm(dim=1, keepdim=True) / level if problem.threat == "l2" else torch.ones(1)
        return d / longer.clamp(min=1)

    d = onto(starts)
    best, least = d, torch.full((len(d),), torch.inf, dtype=d.dtype)
    for k in range(_STEPS):
        value, gradient = _with_gradient(problem, torch.cat([d, torch.zeros_like(d[:, :1])], dim=1))
        best = torch.where((value < least)[:, None], d, best)
        least = least.minimum(value.nan_to_num(torch.inf))
        length = gradient.norm(dim=1, keepdim=True).clamp(min=_SMALLEST_SCALE)
        unit = gradient / length if problem.threat == "l2" else gradient.sign()
        d = onto(d - (1 - k / _STEPS) * level * unit)
    return best


def _best(problem: ExactProblem, level: Tensor, points: Tensor, count: int) -> list[int]:
    """Indices of the best points; those outside a budget are scaled onto it, and not counted."""
    with torch.no_grad():
        values = torch.cat([problem.divergence(part) for part in points.split(_BATCH)])
    values = values + problem.cost(points, level)
    found: list[int] = values.nan_to_num(torch.inf).argsort()[:count].tolist()
    return found


def _descend(
    problem: ExactProblem,
    rows: Sequence[tuple[Tensor, Tensor]],
    descent: Callable[..., Vector],
) -> Tensor:
    """Run a descent from each row's start under its level; the ends, (R, n)."""
    low, high = ((bound - problem.x).flatten().numpy() for bound in problem.model.bounds)

    def evaluate(which: Sequence[int], vectors: Vector) -> tuple[Vector, Vector]:
        del which
        found = [_with_gradient(problem, part) for part in torch.as_tensor(vectors).split(_BATCH)]
        values, gradients = zip(*found, strict=True)
        return torch.cat(values).numpy(), torch.cat(gradients).numpy()

    jobs = [
        partial(
            descent,
            start=start.numpy(),
            level=float(level),
            threat=problem.threat,
            box=_within(problem.threat, float(level), low, high),
        )
        for level, start in rows
    ]
    return torch.as_tensor(np.stack(run_in_lockstep(jobs, evaluate)))


def _with_gradient(problem: ExactProblem, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """r and its gradient at vectors (R, n + 1), distortions and smoothing widths."""
    d = vectors[:, :-1].clone().requires_grad_()
    value = problem.divergence(d, vectors[:, -1])
    (gradient,) = torch.autograd.grad(value.sum(), d)
    return value.detach(), gradient


def _within(threat: str, level: float, low: Vector, high: Vector) -> tuple[Vector, Vector]:
    if threat != "linf":
        return low, high
    return np.maximum(low, -level), np.minimum(high, level)


def _short_descent(
    function: Function,
    *,
    start: Vector,
    level: float,
    threat: str,
    box: tuple[Vector, Vector],
    width: float,
    evaluations: int,
) -> Vector:
    objective = partial(_penalised, function, level=level, threat=threat, width=width)
    if threat == "l2":
        objective = partial(_scaled, function, level=level)
    return _onto(threat, level, _minimum(objective, start, box, evaluations))


def _long_descent(
    function: Function,
    *,
    start: Vector,
    level: float,
    threat: str,
    box: tuple[Vector, Vector],
    widths: Sequence[float],
    evaluations: int,
) -> Vector:
    if threat == "l2":
        return _constrained(function, start, level, box, evaluations)
    d, widths = start, list(dict.fromkeys(widths))
    for width in widths:
        objective = partial(_penalised, function, level=level, threat=threat, width=width)
        d = _minimum(objective, d, box, evaluations // len(widths))
    return d


def _constrained(
    function: Function, start: Vector, level: float, box: tuple[Vector, Vector], evaluations: int
) -> Vector:
    r"""Minimise r where :math:`c = (\|d\|^2/\varepsilon^2 - 1)/2 \leq 0`, by multipliers."""
    d, (best, slope) = start, function(np.append(start, 0.0))
    found = start
    # stationarity on the sphere: the gradient of r is −multiplier · d/ε²
    multiplier = max(0.0, -float(slope @ d))
    weight = 10 * max(multiplier, 1e-3 * abs(best))
    for _ in range(_ROUNDS):
        objective = partial(_augmented, function, level=level, multiplier=multiplier, weight=weight)
        d = _minimum(objective, d, box, evaluations // _ROUNDS)
        multiplier = max(0.0, multiplier + weight * _excess(d, level))
        inside = _onto("l2", level, d)
        value = function(np.append(inside, 0.0))[0]
        if value < best:
            best, found = value, inside
    return found


def _minimum(
    objective: Function, start: Vector, box: tuple[Vector, Vector], evaluations: int
) -> Vector:
    """The end of L-BFGS-B, begun anew without its memory while that lowers the objective."""
    d = start.clip(*box)
    # SciPy's tolerances are absolute for values below 1
    scale = max(abs(objective(d)[0]), _SMALLEST_SCALE)

    def scaled(d: Vector) -> tuple[float, Vector]:
        value, gradient = objective(d)
        return value / scale, gradient / scale

    value, spent = np.inf, 1
    while spent < evaluations:
        limits = {"maxfun": evaluations - spent, "maxiter": evaluations}
        d, lower, about = fmin_l_bfgs_b(
            scaled, d, bounds=list(zip(*box, strict=True)), m=20, factr=10.0, pgtol=1e-9, **limits
        )
        spent += about["funcalls"]
        if not lower < value - _FALL * abs(value):
            break
        value = lower
    return d


def _penalised(
    function: Function, d: Vector, *, level: float, threat: str, width: float
) -> tuple[float, Vector]:
    value, gradient = function(np.append(d, width))
    norm = float(np.linalg.norm(d))
    if threat == "penalty" and norm > 0:
        value, gradient = value + level * norm, gradient + level * d / norm
    elif threat == "squared-penalty":
        value, gradient = value + level * norm**2, gradient + 2 * level * d
    return value, gradient


def _scaled(function: Function, v: Vector, *, level: float) -> tuple[float, Vector]:
    """r at v scaled into the ball, and the gradient by v."""
    norm = float(np.linalg.norm(v))
    if norm <= level:
        return function(np.append(v, 0.0))
    unit = v / norm
    value, gradient = function(np.append(level * unit, 0.0))
    return value, level / norm * (gradient - (gradient @ unit) * unit)


def _augmented(
    function: Function, d: Vector, *, level: float, multiplier: float, weight: float
) -> tuple[float, Vector]:
    value, gradient = function(np.append(d, 0.0))
    pull = max(0.0, multiplier + weight * _excess(d, level))
    return value + pull**2 / (2 * weight), gradient + pull * d / level**2


def _excess(d: Vector, level: float) -> float:
    return (float(d @ d) / level**2 - 1) / 2


def _onto(threat: str, level: float, d: Vector) -> Vector:
    """d scaled into the ball of an L2 budget."""
    return d * min(1.0, level / max(float(np.linalg.norm(d)), 1e-300)) if threat == "l2" else d
