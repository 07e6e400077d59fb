"""Rows on their way down, and the tick that moves each of them on by one evaluation."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.optim.box import free_coordinates, project_direction
from seatbelt_vae.optim.memory import PairMemory
from seatbelt_vae.optim.minimum import Minimum, Status

__all__ = ["Descent", "Function", "Limits"]

Function = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Maps points :math:`(R, n)` and their row numbers to values and gradients."""

_SUFFICIENT = 1e-4
_MOST_BACKTRACKS = 20
_SHRINK = (0.1, 0.5)
_GROW = 4.0
_COMPACT = 0.7
_PER_PLACE = (
    "number",
    "x",
    "value",
    "gradient",
    "trial",
    "direction",
    "step",
    "length",
    "status",
    "evaluations",
    "iterations",
    "backtracks",
    "history",
    "idle",
)


@dataclass(frozen=True)
class Limits:
    """When a row stops; see `minimize`."""

    max_evaluations: int
    relative_fall: float
    window: int
    floor: float
    gradient_tolerance: float


class Descent:
    """The rows under way; a row that stops makes room for the next that waits.

    ``x, value, gradient`` are a row's best point (``value`` is infinite before its first
    evaluation); ``trial`` is the point it evaluates next, ``step`` along its ``direction``;
    ``length`` is how far a step without memory goes.
    """

    def __init__(
        self,
        fun: Function,
        x0: Tensor,
        box: tuple[Tensor, Tensor],
        places: int,
        memory: int,
        limits: Limits,
    ) -> None:
        rows, size = x0.shape
        self.fun, self.limits = fun, limits
        self.lower, self.upper = box
        self.waiting = self._project(x0, torch.arange(rows, device=x0.device))
        self.finished = Minimum(
            x=self.waiting.clone(),
            value=x0.new_full((rows,), torch.inf),
            gradient_norm=x0.new_full((rows,), torch.inf),
            status=torch.zeros(rows, dtype=torch.long, device=x0.device),
            evaluations=torch.zeros(rows, dtype=torch.long, device=x0.device),
            iterations=torch.zeros(rows, dtype=torch.long, device=x0.device),
        )
        self.next = places
        self.number = torch.arange(places, device=x0.device)
        self.memory = PairMemory(places, size, memory, x0)
        self.x = self.waiting[:places].clone()
        self.trial = self.x.clone()
        self.gradient, self.direction = torch.zeros_like(self.x), torch.zeros_like(self.x)
        self.value = x0.new_full((places,), torch.inf)
        self.step, self.length = x0.new_ones(places), x0.new_ones(places)
        self.status, self.evaluations, self.iterations, self.backtracks = (
            torch.zeros(places, dtype=torch.long, device=x0.device) for _ in range(4)
        )
        self.history = x0.new_full((places, limits.window), torch.inf)
        self.idle = torch.zeros(places, dtype=torch.bool, device=x0.device)

    @property
    def running(self) -> bool:
        """Whether any row is under way."""
        return not bool(self.idle.all())

    def tick(self) -> None:
        """One evaluation of every row: accept its trial or step back; let stopped rows go."""
        value, gradient = self._evaluate()
        moved = self.trial - self.x
        slope = (self.gradient * moved).sum(1)
        # the largest magnitude tells as much as a pass over all of isfinite, much faster
        finite = value.isfinite() & gradient.abs().amax(1).isfinite()
        first = self.value.isinf()
        self.status[first & ~finite] = Status.NOT_FINITE
        # where the box bends a step uphill, its slope excuses no rise
        enough = value <= self.value + _SUFFICIENT * slope.clamp(max=0)
        accepted = finite & (first | enough)
        change = gradient - self.gradient
        self._move(accepted, first, value, gradient)
        lost = self._step_back(~accepted & ~first, value, slope)
        self._aim(accepted, first, lost, moved, change)
        limit = self.limits.max_evaluations
        exhausted = (self.status == Status.RUNNING) & (self.evaluations >= limit)
        self.status[exhausted] = Status.EVALUATION_LIMIT
        self._retire()

    def _move(self, rows: Tensor, first: Tensor, value: Tensor, gradient: Tensor) -> None:
        """Take the trial as the new point; stop rows that hardly fall any more."""
        self.x = torch.where(rows[:, None], self.trial, self.x)
        self.gradient = torch.where(rows[:, None], gradient, self.gradient)
        self.value = torch.where(rows, value, self.value)
        self.iterations += rows & ~first
        before = self.history[:, 0]
        small = self.limits.relative_fall * (before - self.limits.floor).abs()
        settled = rows & before.isfinite() & (before - self.value <= small)
        self.status[settled] = Status.CONVERGED
        pushed = torch.cat([self.history[:, 1:], self.value[:, None]], dim=1)
        self.history = torch.where(rows[:, None], pushed, self.history)

    def _step_back(self, rows: Tensor, value: Tensor, slope: Tensor) -> Tensor:
        """Shorten the step by quadratic interpolation; returns rows that need another direction."""
        rounding = torch.finfo(value.dtype).eps * self.value.abs()
        self.status[rows & (slope.abs() <= rounding)] = Status.CONVERGED
        self.backtracks += rows
        lost = rows & (self.backtracks > _MOST_BACKTRACKS)
        hopeless = lost & ~self.memory.filled & (self.status == Status.RUNNING)
        self.status[hopeless] = Status.LINE_SEARCH_FAILED
        self.memory.forget(lost)
        shrink = (-0.5 * slope / (value - self.value - slope)).nan_to_num(0, 0, 0).clamp(*_SHRINK)
        self.step = torch.where(rows, self.step * shrink, self.step)
        return lost

    def _aim(
        self, accepted: Tensor, first: Tensor, lost: Tensor, moved: Tensor, change: Tensor
    ) -> None:
        """Choose a direction for rows that moved or are lost, and every row's next trial."""
        rows = accepted | lost
        lower, upper = (_rows_of(bound, self.number) for bound in (self.lower, self.upper))
        free = free_coordinates(self.x, self.gradient, lower, upper)
        downhill = self.gradient * free
        norm = downhill.norm(dim=1)
        self.status[accepted & (norm <= self.limits.gradient_tolerance)] = Status.STATIONARY
        learned, newton = self.memory.learn(moved, change, accepted & ~first, downhill)
        newton *= free
        # a step without memory that met no curvature may go further next time
        blind = accepted & ~first & ~learned
        self.length = torch.where(blind, self.length * _GROW, self.length)
        self.memory.forget(rows & ~((newton * downhill).sum(1) > 0))
        plain = (self.length / norm.clamp_min(1))[:, None] * downhill
        direction = torch.where(self.memory.filled[:, None], newton, plain).neg_()
        self.direction = torch.where(rows[:, None], direction, self.direction)
        self.step = torch.where(rows, 1, self.step)
        self.backtracks.masked_fill_(rows, 0)
        ahead = torch.addcmul(self.x, self.step[:, None], self.direction)
        self.trial = self._project(ahead, self.number)

    def _evaluate(self) -> tuple[Tensor, Tensor]:
        """The function at the trial points; infinite in idle places."""
        if not self.idle.any():
            self.evaluations += 1
            return self.fun(self.trial, self.number)
        busy = (~self.idle).nonzero()[:, 0]
        self.evaluations[busy] += 1
        value, gradient = torch.full_like(self.value, torch.inf), torch.zeros_like(self.x)
        value[busy], gradient[busy] = self.fun(self.trial[busy], self.number[busy])
        return value, gradient

    def _retire(self) -> None:
        """Record rows that have stopped and give their places to rows that wait."""
        places = ((self.status != Status.RUNNING) & ~self.idle).nonzero()[:, 0]
        if len(places) == 0:
            return
        self._record(places)
        left = len(self.waiting) - self.next
        new = torch.arange(self.next, self.next + min(len(places), left)).to(places)
        self.next += len(new)
        self._begin(places[: len(new)], new)
        self.idle[places[len(new) :]] = True
        busy = (~self.idle).nonzero()[:, 0]
        # moving the memory of all rows costs much: wait until it pays
        if len(busy) < _COMPACT * len(self.idle):
            self._keep(busy)

    def _record(self, places: Tensor) -> None:
        number, done = self.number[places], self.finished
        x, gradient = self.x[places], self.gradient[places]
        lower, upper = (_rows_of(bound, number) for bound in (self.lower, self.upper))
        done.x[number], done.value[number] = x, self.value[places]
        norm = project_direction(-gradient, x, lower, upper).norm(dim=1)
        # a row that was never finite has no gradient, and must not look stationary
        never = self.value[places].isinf()
        done.gradient_norm[number] = norm.masked_fill(never, torch.nan)
        done.status[number] = self.status[places]
        done.evaluations[number] = self.evaluations[places]
        done.iterations[number] = self.iterations[places]

    def _begin(self, places: Tensor, rows: Tensor) -> None:
        """Put waiting rows in free places."""
        self.number[places] = rows
        self.x[places] = self.trial[places] = self.waiting[rows]
        self.gradient[places] = 0
        self.value[places] = self.history[places] = torch.inf
        self.step[places] = self.length[places] = 1
        self.status[places] = Status.RUNNING
        self.evaluations[places] = self.iterations[places] = self.backtracks[places] = 0
        self.memory.forget(places)

    def _keep(self, places: Tensor) -> None:
        """Drop all places but these."""
        for name in _PER_PLACE:
            setattr(self, name, getattr(self, name)[places])
        self.memory.keep(places)

    def _project(self, x: Tensor, rows: Tensor) -> Tensor:
        lower, upper = (_rows_of(bound, rows) for bound in (self.lower, self.upper))
        return torch.minimum(torch.maximum(x, lower), upper)


def _rows_of(bound: Tensor, rows: Tensor) -> Tensor:
    """The bounds of some rows; bounds may be shared by all of them."""
    return bound[rows] if bound.ndim == 2 and len(bound) > 1 else bound
