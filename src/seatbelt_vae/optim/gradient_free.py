r"""`minimize_gradient_free`: batched random search from function values alone.

It shows whether a model masks its gradient: then it beats gradient descent.

Every row searches along random lines through its best point x. Half of the lines follow a separable
wave in a window m, :math:`\rho\,c \otimes (m\cos)(i) \otimes (m\cos)(j)`, with colour c, factors
of length 1, and ρ the ball's radius or half the box's diagonal. The others follow a patch of an
anchor image a, :math:`m \odot (a - x)`. Window sizes are uniform on a log scale.

A row tries :math:`x \pm s d`, doubles s as long as f falls, and then draws the next line. Each row
keeps one step s per kind of line: the last that lowered f, times 0.8 after a line that did not,
times 1.5 after one along which f is constant, and reset once below 10⁻⁴. The first step of a line
is s times a random factor between ¼ and 4, at most 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from math import pi, prod

import torch
from torch import Tensor

from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.optim.descent import check_settings
from seatbelt_vae.optim.minimum import Minimum, Status
from seatbelt_vae.optim.region import Region, region_of

__all__ = ["minimize_gradient_free"]

Values = Callable[[Tensor, Tensor], Tensor]
"""Maps points :math:`(R, n)` and their row numbers to values."""

# of a wave in units of the region's size, and of a patch in units of the distance to the anchor
_FIRST_STEPS = (0.1, 1.0)
_MIN_STEP = 1e-4
_SPREAD = 4.0
_SHRINK, _GROW = 0.8, 1.5
_FREQUENCIES = 3
# phase of a row's line: first trial, trial in the opposite direction, longer trial, line finished
_FORWARDS, _BACKWARDS, _LONGER, _FINISHED = range(4)


def minimize_gradient_free(
    fun: Values,
    x0: Tensor,
    lower: Tensor | float,
    upper: Tensor | float,
    *,
    generators: Sequence[torch.Generator],
    center: Tensor | None = None,
    radius: Tensor | float | None = None,
    anchors: Tensor | None = None,
    image_shape: tuple[int, int, int] | None = None,
    evaluations: int = 1000,
    micro_batch: int | None = None,
) -> Minimum:
    r"""Minimise :math:`f_r(x)` over a ball in a box, or over a box, from values alone.

    Args:
        fun: maps points :math:`(R', n)` and their row numbers :math:`(R')` to values :math:`(R')`;
            values that are not finite are never accepted.
        x0, lower, upper, center, radius: as for `minimize`; the region is finite.
        generators: one per row, on the CPU; results of a row do not depend on other rows.
        anchors: points to take patches from, such as an input and its target, (R, A, n).
        image_shape: (C, H, W) of a row; None for rows that are vectors.
        evaluations: evaluations per row, including its start.
        micro_batch: largest number of rows in one call of ``fun``; None for all.

    Raises:
        ConfigError: as for `minimize`, or an infinite region.
        ShapeError: as for `minimize`, or generators, anchors or an image shape of a wrong size.

    Source: windows as in Square Attack (Andriushchenko et al. 2020); waves of low frequency, tried
    in both directions, as in SimBA-DCT (Guo et al. 2019).

    Example:
        >>> def fun(x, rows):
        ...     return (x - 3).round().abs().sum(1)
        >>> generators = [torch.Generator().manual_seed(row) for row in range(2)]
        >>> minimize_gradient_free(fun, torch.zeros(2, 4), -5.0, 5.0, generators=generators).value
        tensor([0., 0.])
    """
    region = region_of(x0, lower, upper, center, radius)
    micro_batch = max(1, len(x0)) if micro_batch is None else micro_batch
    check_settings(evaluations=evaluations, micro_batch=micro_batch)
    lines = _Lines.of(x0, region, generators, anchors, image_shape)
    found = []
    for chunk in torch.arange(len(x0), device=x0.device).split(micro_batch):
        search = _Search(fun, x0[chunk].detach(), region.rows(chunk), chunk, lines.rows(chunk))
        found.append(search.run(evaluations))
    columns = ([getattr(part, field.name) for part in found] for field in fields(Minimum))
    return Minimum(*map(torch.cat, columns))


def _wave_length(region: Region, x0: Tensor) -> Tensor:
    """Length of a wave of step 1 per row: the ball's radius, or half the box's diagonal."""
    length: Tensor = 0.5 * (region.upper - region.lower).expand_as(x0).norm(dim=1)
    if region.ball is not None:
        length = region.ball.radius
    if not bool(length.isfinite().all()):
        raise ConfigError("the region is infinite: give finite bounds or a ball of finite radius")
    return length


@dataclass(frozen=True)
class _Lines:
    """The random lines of rows; ``wave_length`` is the length of a wave of step 1."""

    image_shape: tuple[int, int, int]
    wave_length: Tensor
    anchors: Tensor
    generators: Sequence[torch.Generator]

    @classmethod
    def of(
        cls,
        x0: Tensor,
        region: Region,
        generators: Sequence[torch.Generator],
        anchors: Tensor | None,
        image_shape: tuple[int, int, int] | None,
    ) -> "_Lines":
        """The lines through points :math:`(R, n)` in a region.

        Raises:
            ShapeError: generators, anchors or an image shape of a wrong size.
            ConfigError: an infinite region.
        """
        rows, size = x0.shape
        anchors = x0.new_zeros(rows, 0, size) if anchors is None else anchors.detach().to(x0)
        image_shape = (1, 1, size) if image_shape is None else image_shape
        if len(generators) != rows:
            raise ShapeError(f"got {len(generators)} generators for {rows} rows: give one per row")
        if anchors.ndim != 3 or (anchors.shape[0], anchors.shape[2]) != (rows, size):
            shape = tuple(anchors.shape)
            raise ShapeError(f"anchors have shape {shape}, expected ({rows}, A, {size})")
        if prod(image_shape) != size:
            raise ShapeError(
                f"image_shape is {image_shape}, expected three sizes whose product is {size}"
            )
        return cls(image_shape, _wave_length(region, x0), anchors, generators)

    def rows(self, numbers: Tensor) -> "_Lines":
        """The lines of some rows."""
        generators = [self.generators[row] for row in numbers.tolist()]
        return _Lines(
            self.image_shape, self.wave_length[numbers], self.anchors[numbers], generators
        )

    def draw(self, rows: Tensor, x: Tensor, steps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Kinds, first steps and lines, scaled by the step, through the points of some rows."""
        channels, *sides = self.image_shape
        uniform = torch.empty(len(rows), 10 + channels, dtype=torch.float64)
        for numbers, row in zip(uniform, rows.tolist(), strict=True):
            numbers.uniform_(generator=self.generators[row])
        kind_of, spread, width_of, grey = (one[:, None] for one in uniform[:, :4].unbind(1))
        middles, frequencies, phases = uniform[:, 4:10].view(-1, 3, 2).unbind(1)
        width = 2 * max(sides) * (2 * max(sides)) ** -width_of
        windows, waves = [], []
        for axis, side in enumerate(sides):
            middle, phase = middles[:, axis, None] * side, phases[:, axis, None]
            away = torch.arange(side) + 0.5 - middle
            inside = away.abs() <= width.clamp_min(1) / 2
            frequency = (frequencies[:, axis, None] * _FREQUENCIES).floor()
            windows.append(inside)
            waves.append(_unit(inside * (pi * (frequency * away / width + 2 * phase)).cos()))
        colour = _unit(torch.where(grey < 0.5, 1, 2 * uniform[:, 10:] - 1))
        patched = (kind_of < 0.5) & bool(self.anchors.shape[1])
        kind = patched[:, 0].long().to(rows)
        step = (steps[rows, kind] * _SPREAD ** (2 * spread[:, 0] - 1).to(steps)).clamp(max=1)
        line = self.wave_length[rows, None] * _outer(colour, *waves).to(x)
        if bool(patched.any()):
            which = (frequencies[:, 0] * self.anchors.shape[1]).long().to(rows)
            window = _outer(torch.ones_like(colour), *windows).to(x)
            patch = window * (self.anchors[rows, which] - x)
            line = torch.where(patched.to(rows.device), patch, line)
        return kind, step, step[:, None].to(x) * line


class _Search:
    """State of the rows: best points, current lines, and a step per kind of line."""

    def __init__(
        self, fun: Values, x0: Tensor, region: Region, numbers: Tensor, lines: _Lines
    ) -> None:
        self.fun, self.region, self.numbers, self.lines = fun, region, numbers, lines
        self.x = region.project(x0)
        found = fun(self.x, numbers) if len(x0) else x0.new_zeros(0)
        self.value = torch.where(found.isfinite(), found, torch.inf)
        self.first_steps = torch.tensor(_FIRST_STEPS, dtype=torch.float64).to(x0.device)
        self.steps = self.first_steps.repeat(len(x0), 1)
        self.length, self.line = self.steps[:, 0].clone(), torch.zeros_like(self.x)
        self.kind, self.iterations = torch.zeros_like(numbers), torch.zeros_like(numbers)
        self.phase = torch.full_like(numbers, _FINISHED)
        self.flat = torch.zeros_like(numbers, dtype=torch.bool)

    def run(self, evaluations: int) -> Minimum:
        """Evaluate each row this often, including its start."""
        for _ in range(evaluations - 1 if len(self.x) else 0):
            self.step()
        return self.minimum(evaluations)

    def step(self) -> None:
        """Evaluate every row once: accept its trial, reverse the line, or finish it."""
        finished = (self.phase == _FINISHED).nonzero()[:, 0]
        if len(finished):
            drawn = self.lines.draw(finished, self.x[finished], self.steps)
            self.kind[finished], self.length[finished], self.line[finished] = drawn
            self.phase[finished] = _FORWARDS
        trial = self.region.project(self.x + self.line)
        found = self.fun(trial, self.numbers)
        better = found.isfinite() & (found < self.value)
        turned = ~better & (self.phase == _FORWARDS)
        self._adapt(better, ~better & (self.phase == _BACKWARDS), found == self.value)
        self.x = torch.where(better[:, None], trial, self.x)
        self.value = torch.where(better, found, self.value)
        self.iterations += better
        factor = 1.0 + better.to(self.line) - 2 * turned.to(self.line)
        self.line, self.length = self.line * factor[:, None], self.length * factor.abs()
        self.phase = torch.where(better, _LONGER, torch.where(turned, _BACKWARDS, _FINISHED))

    def _adapt(self, better: Tensor, lost: Tensor, flat: Tensor) -> None:
        """Keep a step that lowered f; shrink it after a failed line, grow it on a plateau."""
        kind = self.kind[:, None]
        change = torch.where(flat & self.flat, _GROW, _SHRINK)
        step = self.steps.gather(1, kind)[:, 0]
        step = torch.where(better, self.length, torch.where(lost, step * change, step)).clamp(max=1)
        # a step this small has failed many times
        step = torch.where(step < _MIN_STEP, self.first_steps[self.kind], step)
        self.steps.scatter_(1, kind, step[:, None])
        self.flat = flat

    def minimum(self, evaluations: int) -> Minimum:
        """The result, with the evaluations spent per row."""
        never = self.value.isinf()
        spent = torch.full_like(self.numbers, evaluations)
        return Minimum(
            x=self.x,
            value=self.value,
            gradient_norm=torch.full_like(self.value, torch.nan),
            status=torch.where(never, Status.NOT_FINITE, Status.EVALUATION_LIMIT),
            evaluations=spent,
            iterations=self.iterations,
        )


def _unit(factor: Tensor) -> Tensor:
    length: Tensor = factor.norm(dim=1, keepdim=True)
    return factor / length.clamp_min(torch.finfo(factor.dtype).tiny)


def _outer(colour: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Outer products of channel, height and width factors, flattened to rows."""
    return (colour[:, :, None, None] * down[:, None, :, None] * across[:, None, None]).flatten(1)
