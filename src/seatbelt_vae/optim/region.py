r"""Feasible regions: a box, optionally intersected with a ball per row."""

from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.optim.box import free_coordinates

__all__ = ["Ball", "Region", "Tangent", "region_of"]

# a projection ends this many machine epsilons inside the sphere
_MARGIN = 8


@dataclass(frozen=True)
class Ball:
    r"""The sets :math:`\|x - c\| \leq \rho`.

    Args:
        center: c, :math:`(R, n)`.
        radius: :math:`\rho`, :math:`(R)`.
    """

    center: Tensor
    radius: Tensor

    def rows(self, index: Tensor) -> "Ball":
        """The balls of some rows."""
        return Ball(self.center[index], self.radius[index])


@dataclass(frozen=True)
class Region:
    r"""The sets :math:`\{lower \leq x \leq upper\}`, intersected with a ball if there is one.

    Args:
        lower, upper: bounds, shared by all rows (at most one dimension) or :math:`(R, n)`.
        ball: balls whose centers are inside the box.
    """

    lower: Tensor
    upper: Tensor
    ball: Ball | None = None

    def rows(self, index: Tensor) -> "Region":
        """The region of some rows."""
        lower, upper = self.lower, self.upper
        if lower.ndim == 2:
            lower, upper = lower[index], upper[index]
        return Region(lower, upper, None if self.ball is None else self.ball.rows(index))

    def project(self, x: Tensor) -> Tensor:
        """The nearest points of the region; points inside it are returned unchanged."""
        inside = self._clip(x)
        if self.ball is None:
            return inside
        far = (_length(inside - self.ball.center) > self.ball.radius).nonzero()[:, 0]
        if len(far) == len(x):  # needs no copies of the rows
            return self._project_to_sphere(x, self.ball)
        if len(far):
            region, ball = self.rows(far), self.ball.rows(far)
            inside[far] = region._project_to_sphere(x[far], ball)
        return inside

    def _clip(self, x: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(x, self.lower), self.upper)

    def _project_to_sphere(self, x: Tensor, ball: Ball) -> Tensor:
        r"""The nearest points, :math:`c + \mathrm{clip}(t(x - c))` at distance ρ from c.

        A coordinate that is clipped at some t is clipped at every larger t. Solving for t with the
        coordinates clipped so far therefore increases t to its root, in few steps. Masks are
        floats: selecting by booleans takes thirty times as long.
        """
        away, low, high = x - ball.center, self.lower - ball.center, self.upper - ball.center
        radius = ball.radius.double() * (1 - _MARGIN * torch.finfo(x.dtype).eps)
        free, squared = torch.ones_like(away), radius.square()
        while True:
            length = _length(free * away)
            t = torch.where(length > 0, squared.clamp_min(0).sqrt() / length, 1).to(x)
            reached = t[:, None] * away
            clipped = torch.minimum(torch.maximum(reached, low), high)
            still_free = reached.eq_(clipped).mul_(free)
            if still_free.equal(free):
                break
            free = still_free
            at_bounds = torch.addcmul(clipped, clipped, free, value=-1)
            squared = radius.square() - _length(at_bounds).square()
        nearest = self._clip(torch.addcmul(ball.center, t[:, None], away))
        # rounding away from the center can leave the ball
        outside = (_length(nearest - ball.center) > ball.radius).nonzero()[:, 0]
        if len(outside):
            point, center = nearest[outside], ball.center[outside]
            longer = (point - center).abs() > clipped[outside].abs()
            nearest[outside] = torch.where(longer, point.nextafter(center), point)
        return nearest

    def tangent(self, x: Tensor, gradient: Tensor) -> "Tangent":
        r"""The tangent space at ``x`` for a step against the gradient.

        With the ball's multiplier :math:`\mu`, the gradient of the Lagrangian is
        :math:`\nabla f + \mu(x - c)`; bounds block the coordinates it pushes outwards. Without
        blocked coordinates :math:`\mu` is too large, and every blocked coordinate lowers it:
        blocking repeatedly reaches its root in few steps.
        """
        free = free_coordinates(x, gradient, self.lower, self.upper)
        if self.ball is None:
            return Tangent(free)
        radius, away = self.ball.radius, x - self.ball.center
        outward = away * free
        # the margin of a projection, and the rounding of x itself
        slack = 2 * torch.finfo(x.dtype).eps * (_MARGIN * radius + _length(x))
        pressed = (_length(away) >= radius - slack) & ((gradient * outward).sum(1) < 0)
        pressed &= outward.square().sum(1) > 0
        # a ball of radius 0 has no free coordinate
        free = (radius > 0).to(x)[:, None].expand_as(x)
        while True:
            outward = away * free
            square = outward.square().sum(1)
            multiplier = torch.where(pressed, -(gradient * outward).sum(1) / square, 0)
            pushed = torch.addcmul(gradient, multiplier[:, None], away)
            still_free = free * free_coordinates(x, pushed, self.lower, self.upper)
            if still_free.equal(free):
                break
            free = still_free
        normal = outward * torch.where(pressed, square.rsqrt(), 0)[:, None]
        return Tangent(free, normal, multiplier)


@dataclass(frozen=True)
class Tangent:
    r"""Tangent spaces: free coordinates, orthogonal to the sphere's normal where it is active.

    Args:
        free: 1 for coordinates that no bound blocks, else 0, :math:`(R, n)`; floats, because
            multiplying by booleans takes three times as long.
        normal: the sphere's unit normal among free coordinates; 0 in rows inside the ball.
        multiplier: the ball's Lagrange multiplier :math:`\mu \geq 0`, :math:`(R)`; curvature on
            the sphere is that of :math:`f + \tfrac\mu2\|x-c\|^2`.
    """

    free: Tensor
    normal: Tensor | None = None
    multiplier: Tensor | None = None

    def project(self, vector: Tensor) -> Tensor:
        """Project vectors :math:`(R, n)` onto the tangent space."""
        vector = vector * self.free
        if self.normal is None:
            return vector
        along = (vector * self.normal).sum(1)
        return torch.addcmul(vector, along[:, None], self.normal, value=-1)


def region_of(
    x0: Tensor,
    lower: Tensor | float,
    upper: Tensor | float,
    center: Tensor | None = None,
    radius: Tensor | float | None = None,
) -> Region:
    """The region of rows :math:`(R, n)` for given bounds and an optional ball.

    Raises:
        ConfigError: a lower bound above its upper bound, a negative radius, a center outside the
            box, or a center or radius without the other.
        ShapeError: ``x0`` is not a matrix, or shapes do not broadcast to it.
    """
    if x0.ndim != 2:
        raise ShapeError(f"x0 has shape {tuple(x0.shape)}, expected a matrix (rows, size)")
    low, high = (torch.as_tensor(b, dtype=x0.dtype, device=x0.device) for b in (lower, upper))
    try:
        for bound in (low, high):
            bound.expand_as(x0)
    except RuntimeError:
        raise ShapeError(
            f"bounds of shapes {tuple(low.shape)} and {tuple(high.shape)}, expected shapes that "
            f"broadcast to x0's {tuple(x0.shape)}"
        ) from None
    if not bool((low <= high).all()):
        raise ConfigError("a lower bound is above its upper bound: swap them")
    if max(low.ndim, high.ndim) == 2:
        low, high = (bound.expand_as(x0) for bound in (low, high))
    if center is None and radius is None:
        return Region(low, high)
    if center is None or radius is None:
        raise ConfigError("a ball needs both a center and a radius: give both or neither")
    middle = torch.as_tensor(center, dtype=x0.dtype, device=x0.device)
    size = torch.as_tensor(radius, dtype=x0.dtype, device=x0.device)
    try:
        middle, size = middle.expand_as(x0), size.expand(len(x0))
    except RuntimeError:
        raise ShapeError(
            f"a center of shape {tuple(middle.shape)} and a radius of shape {tuple(size.shape)}, "
            f"expected shapes that broadcast to {tuple(x0.shape)} and ({len(x0)},)"
        ) from None
    if not bool((size >= 0).all()):
        raise ConfigError(f"a radius is {float(size.min()):g}, expected none below 0")
    if not bool(((middle >= low) & (middle <= high)).all()):
        raise ConfigError("a ball's center is outside the bounds: move it inside")
    return Region(low, high, Ball(middle, size))


def _length(vectors: Tensor) -> Tensor:
    """2-norms of vectors :math:`(R, n)` in float64; float32 errors could leave the ball."""
    lengths: Tensor = torch.linalg.vector_norm(vectors, dim=1, dtype=torch.float64)
    return lengths
