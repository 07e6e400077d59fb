"""Batched descent: one tick evaluates the next trial point of every running row."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.errors import ConfigError
from seatbelt_vae.optim.memory import LBFGSMemory
from seatbelt_vae.optim.minimum import Minimum, Status
from seatbelt_vae.optim.region import Region

__all__ = ["Descent", "Function", "Limits", "check_settings"]

Function = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Maps points :math:`(R, n)` and their row numbers to values and gradients."""

_ARMIJO = 1e-4
_WOLFE = 0.9
# if f is quadratic and its slope has fallen to 90 %, its minimum is 9 times as far
_EXTRAPOLATION = _WOLFE / (1 - _WOLFE)
_MAX_BACKTRACKS = 20
_SHRINK = (0.1, 0.5)
_GROW = 4.0
_COMPACTION = 0.7
_STATE = (
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
    """Stopping conditions of a row.

    Args:
        max_evaluations: largest number of evaluations per row.
        relative_fall, window: a row has converged when ``window`` iterations lower f by less than
            ``relative_fall`` times :math:`f - floor`. Float32 is too coarse for a test per step.
        floor: a lower bound of f, one for all rows or :math:`(R)`.
        negligible: absolute tolerance added to the relative one, one for all rows or :math:`(R)`.
        gradient_tolerance: a row is stationary when the 2-norm of its projected gradient is at most
            this.

    Raises:
        ConfigError: ``max_evaluations`` or ``window`` below 1.
    """

    max_evaluations: int
    relative_fall: float
    window: int
    floor: float | Tensor
    negligible: float | Tensor
    gradient_tolerance: float

    def __post_init__(self) -> None:
        check_settings(max_evaluations=self.max_evaluations, window=self.window)


def check_settings(**settings: int) -> None:
    """Check that counts are at least 1.

    Raises:
        ConfigError: a count is below 1; the message has its name.
    """
    for name, value in settings.items():
        if value < 1:
            raise ConfigError(f"{name} is {value}, expected at least 1")


class Descent:
    """Running rows, each in one place of the batch; a row that stops frees its place for the next.

    ``x, value, gradient`` describe a row's best point (``value`` is infinite before its first
    evaluation). ``trial`` is its next point, at ``step`` along ``direction``. ``length`` is the
    length of a gradient step while the memory is empty.
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
        self.memory = LBFGSMemory(places, size, memory, x0)
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

    def run(self) -> Minimum:
        """Evaluate until every row has stopped."""
        while not self.idle.all():
            self.tick()
        return self.finished

    def tick(self) -> None:
        """Evaluate every row once; accept its trial or backtrack; remove rows that stopped.

        A trial with sufficient decrease is accepted at once. If the slope there is still steep, the
        row continues from it in the same direction with a longer step. The line search therefore
        ends where both Wolfe conditions hold, and evaluates no point twice.
        """
        value, gradient = self._evaluate()
        moved = self.trial - self.x
        slope = (self.gradient * moved).sum(1)
        # a sum is finite only if all its terms are, and needs one pass over memory
        finite = value.isfinite() & gradient.sum(1).isfinite()
        first = self.value.isinf()
        self.status[first & ~finite] = Status.NOT_FINITE
        # the Armijo slope is clamped at 0: projection can turn a step uphill
        sufficient = value <= self.value + _ARMIJO * slope.clamp(max=0)
        accepted = finite & (first | sufficient)
        change = gradient - self.gradient
        self._accept(accepted, first, value, gradient)
        reset = self._backtrack(~accepted & ~first, value, slope)
        self._next_trials(accepted, first, reset, moved, slope, change)
        limit = self.limits.max_evaluations
        exhausted = (self.status == Status.RUNNING) & (self.evaluations >= limit)
        self.status[exhausted] = Status.EVALUATION_LIMIT
        self._retire()

    def _accept(self, rows: Tensor, first: Tensor, value: Tensor, gradient: Tensor) -> None:
        """Make the trial the new point; stop rows whose value has converged."""
        index = rows.nonzero()[:, 0]
        moved = (self.x, self.trial), (self.gradient, gradient), (self.value, value)
        for kept, new in moved:
            kept.index_copy_(0, index, new.index_select(0, index))
        self.iterations += rows & ~first
        before = self.history[:, 0]
        small = self.limits.relative_fall * (before - self.floor).abs() + self.negligible
        settled = rows & before.isfinite() & (before - self.value <= small)
        self.status[settled] = Status.CONVERGED
        pushed = torch.cat([self.history[:, 1:], self.value[:, None]], dim=1)
        self.history = torch.where(rows[:, None], pushed, self.history)

    def _backtrack(self, rows: Tensor, value: Tensor, slope: Tensor) -> Tensor:
        """Shorten the step by quadratic interpolation; return rows that need a new direction."""
        rounding = torch.finfo(value.dtype).eps * self.value.abs()
        self.status[rows & (slope.abs() <= rounding)] = Status.CONVERGED
        self.backtracks += rows
        exhausted = self.backtracks > _MAX_BACKTRACKS
        # projection can turn a quasi-Newton step uphill; a shorter step would stay uphill
        uphill = (slope >= 0) & self.memory.filled
        reset = rows & (exhausted | uphill)
        failed = reset & ~self.memory.filled & (self.status == Status.RUNNING)
        self.status[failed] = Status.LINE_SEARCH_FAILED
        self.memory.forget(reset)
        shrink = (-0.5 * slope / (value - self.value - slope)).nan_to_num(0, 0, 0).clamp(*_SHRINK)
        self.step = torch.where(rows, self.step * shrink, self.step)
        return reset

    def _next_trials(
        self,
        accepted: Tensor,
        first: Tensor,
        reset: Tensor,
        moved: Tensor,
        slope: Tensor,
        change: Tensor,
    ) -> None:
        """Choose a direction for rows that moved or were reset, and the next trial of every row."""
        tangent = self.region.tangent(self.x, self.gradient)
        downhill = tangent.project(self.gradient)
        norm = downhill.norm(dim=1)
        self.status[accepted & (norm <= self.limits.gradient_tolerance)] = Status.STATIONARY
        slope_now = (downhill * moved).sum(1)
        steep = accepted & ~first & (slope_now < _WOLFE * slope.clamp(max=0))
        rows = (accepted & ~steep) | reset
        # on the sphere the Lagrangian's curvature includes that of the ball constraint
        if tangent.multiplier is not None:
            change = torch.addcmul(change, tangent.multiplier[:, None], moved)
        vectors = self.x.new_empty(len(self.x), 3, self.x.shape[1])
        # curvature along blocked coordinates does not describe the free subspace
        torch.mul(moved, tangent.free, out=vectors[:, 0])
        torch.mul(change, tangent.free, out=vectors[:, 1])
        vectors[:, 2] = downhill
        learned, newton = self.memory.learn(vectors, accepted & ~first)
        newton = tangent.project(newton)
        # a step without usable curvature may be longer the next time
        flat = accepted & ~first & ~learned
        self.length = torch.where(flat, self.length * _GROW, self.length)
        self.memory.forget(rows & ~((newton * downhill).sum(1) > 0))
        direction = newton.neg_()
        # the full gradient: its projected path descends even where a bound is near
        empty = (~self.memory.filled).nonzero()[:, 0]
        direction[empty] = -(self.length / norm.clamp_min(1))[empty, None] * self.gradient[empty]
        kept = (~rows).nonzero()[:, 0]
        direction[kept] = self.direction[kept]
        self.direction = direction
        self.step = torch.where(rows, 1, torch.where(steep, _EXTRAPOLATION * self.step, self.step))
        self.backtracks.masked_fill_(rows | steep, 0)
        self.trial = self.region.project(torch.addcmul(self.x, self.step[:, None], self.direction))

    def _evaluate(self) -> tuple[Tensor, Tensor]:
        """Values and gradients at the trial points; infinite values in idle places."""
        if not self.idle.any():
            self.evaluations += 1
            return self.fun(self.trial, self.number)
        busy = (~self.idle).nonzero()[:, 0]
        self.evaluations[busy] += 1
        value, gradient = torch.full_like(self.value, torch.inf), torch.zeros_like(self.x)
        value[busy], gradient[busy] = self.fun(self.trial[busy], self.number[busy])
        return value, gradient

    def _retire(self) -> None:
        """Record stopped rows and give their places to waiting rows."""
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
        # compaction copies the memory of all rows, so it waits until many places are idle
        if len(busy) < _COMPACTION * len(self.idle):
            self._keep(busy)

    def _record(self, places: Tensor) -> None:
        number, done = self.number[places], self.finished
        x, gradient = self.x[places], self.gradient[places]
        done.x[number], done.value[number] = x, self.value[places]
        tangent = self.all_regions.rows(number).tangent(x, gradient)
        norm = tangent.project(gradient).norm(dim=1)
        # a row without a finite value has no gradient: NaN, not a stationary 0
        never = self.value[places].isinf()
        done.gradient_norm[number] = norm.masked_fill(never, torch.nan)
        done.status[number] = self.status[places]
        done.evaluations[number] = self.evaluations[places]
        done.iterations[number] = self.iterations[places]

    def _begin(self, places: Tensor, rows: Tensor) -> None:
        """Start waiting rows in free places."""
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
        """Keep only these places."""
        for name in _STATE:
            setattr(self, name, getattr(self, name)[places])
        self.region = self.all_regions.rows(self.number)
        self.negligible = self.all_negligible[self.number]
        self.floor = self.all_floors[self.number]
        self.memory.keep(places)
