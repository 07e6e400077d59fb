"""Rows on their way down, and the tick that moves each of them on by one evaluation."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.errors import ConfigError
from seatbelt_vae.optim.memory import PairMemory
from seatbelt_vae.optim.minimum import Minimum, Status
from seatbelt_vae.optim.region import Region

__all__ = ["Descent", "Function", "Limits", "check_settings"]

Function = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Maps points :math:`(R, n)` and their row numbers to values and gradients."""

_SUFFICIENT = 1e-4
_STEEP = 0.9
# were f quadratic, its minimum would be no nearer than this
_FARTHER = _STEEP / (1 - _STEEP)
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
    floor: float | Tensor
    negligible: float | Tensor
    gradient_tolerance: float


def check_settings(**settings: int) -> None:
    """Refuse counts below 1 by name.

    Raises:
        ConfigError: one of them is.
    """
    for name, value in settings.items():
        if value < 1:
            raise ConfigError(f"{name} is {value}, expected at least 1")


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
        region: Region,
        places: int,
        memory: int,
        limits: Limits,
    ) -> None:
        rows, size = x0.shape
        self.fun, self.limits = fun, limits
        self.all_regions = region
        self.all_negligible, self.all_floors = (
            torch.as_tensor(limit).to(x0).expand(rows)
            for limit in (limits.negligible, limits.floor)
        )
        self.waiting = region.project(x0)
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
        self.region = region.rows(self.number)
        self.memory = PairMemory(places, size, memory, x0)
        self.x = self.waiting[:places].clone()
        self.trial = self.x.clone()
        self.gradient, self.direction = torch.zeros_like(self.x), torch.zeros_like(self.x)
        self.value = x0.new_full((places,), torch.inf)
        self.step, self.length = x0.new_ones(places), x0.new_ones(places)
        self.status, self.evaluations, self.iterations, self.backtracks = (
            torch.zeros(places, dtype=torch.long, device=x0.device) for _ in range(4)
        )
        self.negligible = self.all_negligible[self.number]
        self.floor = self.all_floors[self.number]
        self.history = x0.new_full((places, limits.window), torch.inf)
        self.idle = torch.zeros(places, dtype=torch.bool, device=x0.device)

    @property
    def running(self) -> bool:
        """Whether any row is under way."""
        return not bool(self.idle.all())

    def tick(self) -> None:
        """One evaluation of every row: accept its trial or step back; let stopped rows go.

        A step that lowers f enough is taken at once. If f still falls nearly as steeply along it,
        the row goes on in the same direction, much farther; so a line search ends where both of
        Wolfe's conditions hold, without ever evaluating a point twice or giving one back.
        """
        value, gradient = self._evaluate()
        moved = self.trial - self.x
        slope = (self.gradient * moved).sum(1)
        # a sum is finite only if all of its terms are, and takes one pass
        finite = value.isfinite() & gradient.sum(1).isfinite()
        first = self.value.isinf()
        self.status[first & ~finite] = Status.NOT_FINITE
        # where the region bends a step uphill, its slope excuses no rise
        enough = value <= self.value + _SUFFICIENT * slope.clamp(max=0)
        accepted = finite & (first | enough)
        change = gradient - self.gradient
        self._move(accepted, first, value, gradient)
        lost = self._step_back(~accepted & ~first, value, slope)
        self._aim(accepted, first, lost, moved, slope, change)
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
        small = self.limits.relative_fall * (before - self.floor).abs() + self.negligible
        settled = rows & before.isfinite() & (before - self.value <= small)
        self.status[settled] = Status.CONVERGED
        pushed = torch.cat([self.history[:, 1:], self.value[:, None]], dim=1)
        self.history = torch.where(rows[:, None], pushed, self.history)

    def _step_back(self, rows: Tensor, value: Tensor, slope: Tensor) -> Tensor:
        """Shorten the step by quadratic interpolation; returns rows that need another direction."""
        rounding = torch.finfo(value.dtype).eps * self.value.abs()
        self.status[rows & (slope.abs() <= rounding)] = Status.CONVERGED
        self.backtracks += rows
        spent = self.backtracks > _MOST_BACKTRACKS
        # near bounds the region may bend what the memory says uphill: a shorter step only crawls
        bent = (slope >= 0) & self.memory.filled
        lost = rows & (spent | bent)
        hopeless = lost & ~self.memory.filled & (self.status == Status.RUNNING)
        self.status[hopeless] = Status.LINE_SEARCH_FAILED
        self.memory.forget(lost)
        shrink = (-0.5 * slope / (value - self.value - slope)).nan_to_num(0, 0, 0).clamp(*_SHRINK)
        self.step = torch.where(rows, self.step * shrink, self.step)
        return lost

    def _aim(
        self,
        accepted: Tensor,
        first: Tensor,
        lost: Tensor,
        moved: Tensor,
        slope: Tensor,
        change: Tensor,
    ) -> None:
        """Choose a direction for rows that moved or are lost, and every row's next trial."""
        tangent = self.region.tangent(self.x, self.gradient)
        downhill = tangent.project(self.gradient)
        norm = downhill.norm(dim=1)
        self.status[accepted & (norm <= self.limits.gradient_tolerance)] = Status.STATIONARY
        slope_now = (downhill * moved).sum(1)
        steep = accepted & ~first & (slope_now < _STEEP * slope.clamp(max=0))
        rows = (accepted & ~steep) | lost
        # on the rim the curvature that counts is also the ball's own
        if tangent.multiplier is not None:
            change = torch.addcmul(change, tangent.multiplier[:, None], moved)
        vectors = self.x.new_empty(len(self.x), 3, self.x.shape[1])
        # what a blocked coordinate met says nothing about the ways that are open
        torch.mul(moved, tangent.free, out=vectors[:, 0])
        torch.mul(change, tangent.free, out=vectors[:, 1])
        vectors[:, 2] = downhill
        learned, newton = self.memory.learn(vectors, accepted & ~first)
        newton = tangent.project(newton)
        # a step without memory that met no curvature may go further next time
        blind = accepted & ~first & ~learned
        self.length = torch.where(blind, self.length * _GROW, self.length)
        self.memory.forget(rows & ~((newton * downhill).sum(1) > 0))
        direction = newton.neg_()
        # the whole gradient: whatever is near, a projected step along it leads down
        new = (~self.memory.filled).nonzero()[:, 0]
        direction[new] = -(self.length / norm.clamp_min(1))[new, None] * self.gradient[new]
        kept = (~rows).nonzero()[:, 0]
        direction[kept] = self.direction[kept]
        self.direction = direction
        self.step = torch.where(rows, 1, torch.where(steep, _FARTHER * self.step, self.step))
        self.backtracks.masked_fill_(rows | steep, 0)
        ahead = torch.addcmul(self.x, self.step[:, None], self.direction)
        self.trial = self.region.project(ahead)

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
        if len(new):
            self._begin(places[: len(new)], new)
        self.idle[places[len(new) :]] = True
        busy = (~self.idle).nonzero()[:, 0]
        # moving the memory of all rows costs much: wait until it pays
        if len(busy) < _COMPACT * len(self.idle):
            self._keep(busy)

    def _record(self, places: Tensor) -> None:
        number, done = self.number[places], self.finished
        x, gradient = self.x[places], self.gradient[places]
        done.x[number], done.value[number] = x, self.value[places]
        tangent = self.all_regions.rows(number).tangent(x, gradient)
        norm = tangent.project(gradient).norm(dim=1)
        # a row that was never finite has no gradient, and must not look stationary
        never = self.value[places].isinf()
        done.gradient_norm[number] = norm.masked_fill(never, torch.nan)
        done.status[number] = self.status[places]
        done.evaluations[number] = self.evaluations[places]
        done.iterations[number] = self.iterations[places]

    def _begin(self, places: Tensor, rows: Tensor) -> None:
        """Put waiting rows in free places."""
        self.number[places] = rows
        self.region = self.all_regions.rows(self.number)
        self.negligible = self.all_negligible[self.number]
        self.floor = self.all_floors[self.number]
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
        self.region = self.all_regions.rows(self.number)
        self.negligible = self.all_negligible[self.number]
        self.floor = self.all_floors[self.number]
        self.memory.keep(places)
