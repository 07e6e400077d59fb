"""The state of all running rows, and the tick that moves each of them on by one evaluation."""

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
_COMPACT = 0.8
_PER_ROW = [
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
    "recorded",
]


@dataclass(frozen=True)
class Limits:
    """When a row stops; see `minimize`."""

    max_evaluations: int
    relative_fall: float
    window: int
    floor: float
    gradient_tolerance: float
    micro_batch: int | None


class Descent:
    """Rows on their way down.

    ``x, value, gradient`` are a row's best point; ``trial`` is the point it evaluates next,
    ``step`` along its ``direction``; ``length`` is how far a step without memory goes.
    """

    def __init__(
        self, fun: Function, x0: Tensor, box: tuple[Tensor, Tensor], memory: int, limits: Limits
    ) -> None:
        rows, size = x0.shape
        self.fun, self.limits = fun, limits
        self.lower, self.upper = box
        self.micro_batch = limits.micro_batch or rows
        self.memory = PairMemory(rows, size, memory, x0)
        self.number = torch.arange(rows, device=x0.device)
        self.x = self.trial = self._project(x0)
        self.value = x0.new_full((rows,), torch.inf)
        self.gradient = torch.zeros_like(x0)
        self.direction = torch.zeros_like(x0)
        self.step, self.length = x0.new_ones(rows), x0.new_ones(rows)
        self.status = torch.zeros(rows, dtype=torch.long, device=x0.device)
        self.evaluations, self.iterations, self.backtracks = torch.zeros(
            3, rows, dtype=torch.long, device=x0.device
        )
        self.history = x0.new_full((rows, limits.window), torch.inf)
        self.recorded = torch.zeros(rows, dtype=torch.bool, device=x0.device)
        self.finished = Minimum(
            x=self.x.clone(),
            value=self.value.clone(),
            gradient_norm=self.value.clone(),
            status=self.status.clone(),
            evaluations=self.evaluations.clone(),
            iterations=self.iterations.clone(),
        )

    @property
    def running(self) -> Tensor:
        """Rows that have not stopped, boolean."""
        return self.status == Status.RUNNING

    def begin(self) -> None:
        """Evaluate the starts and choose the first directions."""
        self.value, self.gradient = self._evaluate()
        finite = self.value.isfinite() & self.gradient.isfinite().all(1)
        self.status[~finite] = Status.NOT_FINITE
        self.history[:, -1] = self.value
        self._aim(finite)
        self._retire()

    def tick(self) -> None:
        """One evaluation of every running row: accept its trial, or step back."""
        value, gradient = self._evaluate()
        moved = self.trial - self.x
        slope = (self.gradient * moved).sum(1)
        finite = value.isfinite() & gradient.isfinite().all(1)
        lower = finite & (value <= self.value + _SUFFICIENT * slope) & self.running
        self._accept(lower, moved, value, gradient)
        higher = self.running & ~lower
        self._step_back(higher, value, slope)
        self._retire()

    def _accept(self, rows: Tensor, moved: Tensor, value: Tensor, gradient: Tensor) -> None:
        learned = self.memory.update(moved, gradient - self.gradient, rows)
        # a step without memory that found no curvature may go further next time
        self.length = torch.where(rows & ~learned, self.length * _GROW, self.length)
        self.x = torch.where(rows[:, None], self.trial, self.x)
        self.gradient = torch.where(rows[:, None], gradient, self.gradient)
        self.value = torch.where(rows, value, self.value)
        self.iterations += rows
        pushed = torch.cat([self.history[:, 1:], self.value[:, None]], dim=1)
        before = self.history[:, 0] - self.limits.floor
        fall = self.history[:, 0] - self.value
        self.history = torch.where(rows[:, None], pushed, self.history)
        settled = rows & before.isfinite() & (fall <= self.limits.relative_fall * before.abs())
        self.status[settled] = Status.CONVERGED
        self._aim(rows & ~settled)

    def _step_back(self, rows: Tensor, value: Tensor, slope: Tensor) -> None:
        """Shorten the step by quadratic interpolation; forget the memory, then give up."""
        least = torch.finfo(value.dtype).eps * self.value.abs()
        self.status[rows & (slope.abs() <= least)] = Status.CONVERGED
        self.backtracks += rows
        lost = rows & (self.backtracks > _MOST_BACKTRACKS)
        hopeless = lost & ~self.memory.filled
        self.status[hopeless & self.running] = Status.LINE_SEARCH_FAILED
        again = lost & self.running
        self.memory.forget(again)
        shrink = (-0.5 * slope / (value - self.value - slope)).nan_to_num(0, 0, 0).clamp(*_SHRINK)
        self.step = torch.where(rows, self.step * shrink, self.step)
        self._set_trial(rows & ~lost)
        self._aim(again)

    def _aim(self, rows: Tensor) -> None:
        """Choose a new direction for ``rows`` (boolean), and the first trial along it."""
        if not rows.any():
            return
        free = free_coordinates(self.x, self.gradient, self.lower, self.upper)
        downhill = self.gradient * free
        norm = downhill.norm(dim=1)
        self.status[rows & (norm <= self.limits.gradient_tolerance)] = Status.STATIONARY
        newton = self.memory.apply(downhill) * free
        uphill = ~((newton * downhill).sum(1) > 0)
        self.memory.forget(rows & uphill)
        plain = self.length / norm.clamp_min(1)
        steepest = plain[:, None] * downhill
        direction = -torch.where(self.memory.filled[:, None], newton, steepest)
        self.direction = torch.where(rows[:, None], direction, self.direction)
        self.step = torch.where(rows, torch.ones_like(self.step), self.step)
        self.backtracks[rows] = 0
        self._set_trial(rows)

    def _evaluate(self) -> tuple[Tensor, Tensor]:
        """The function at the trial points of running rows; infinite elsewhere."""
        value = torch.full_like(self.value, torch.inf)
        gradient = torch.zeros_like(self.x)
        running = self.running.nonzero()[:, 0]
        for rows in torch.split(running, self.micro_batch):
            value[rows], gradient[rows] = self.fun(self.trial[rows], self.number[rows])
        self.evaluations[running] += 1
        return value, gradient

    def _retire(self) -> None:
        """Record rows that have stopped; drop them when they are many."""
        limit = self.limits.max_evaluations
        self.status[self.running & (self.evaluations >= limit)] = Status.EVALUATION_LIMIT
        stopped = (~self.running & ~self.recorded).nonzero()[:, 0]
        if len(stopped) == 0:
            return
        number, done = self.number[stopped], self.finished
        x, gradient = self.x[stopped], self.gradient[stopped]
        lower, upper = _rows_of(self.lower, stopped), _rows_of(self.upper, stopped)
        done.x[number], done.value[number] = x, self.value[stopped]
        done.gradient_norm[number] = project_direction(-gradient, x, lower, upper).norm(dim=1)
        done.status[number] = self.status[stopped]
        done.evaluations[number] = self.evaluations[stopped]
        done.iterations[number] = self.iterations[stopped]
        self.recorded[stopped] = True
        running = self.running.nonzero()[:, 0]
        if len(running) < _COMPACT * len(self.number):
            self._keep(running)

    def _keep(self, rows: Tensor) -> None:
        for name in _PER_ROW:
            setattr(self, name, getattr(self, name)[rows])
        self.lower, self.upper = _rows_of(self.lower, rows), _rows_of(self.upper, rows)
        self.memory.keep(rows)

    def _set_trial(self, rows: Tensor) -> None:
        trial = self._project(torch.addcmul(self.x, self.step[:, None], self.direction))
        self.trial = torch.where(rows[:, None], trial, self.trial)

    def _project(self, x: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(x, self.lower), self.upper)


def _rows_of(bound: Tensor, rows: Tensor) -> Tensor:
    """The bounds of some rows; bounds may be shared by all of them."""
    return bound[rows] if bound.ndim == 2 and len(bound) > 1 else bound
