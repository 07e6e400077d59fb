"""Projections on balls in boxes, and on their tangent cones, against SciPy and by definition."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, nnls
from scipy.optimize import minimize as scipy_minimize
from torch import Tensor

from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.optim.region import Ball, Region, region_of


def double(*values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def nearest(
    x: np.ndarray, center: np.ndarray, radius: float, lower: np.ndarray, upper: np.ndarray
) -> np.ndarray:
    """The projection, by a root of the ball's multiplier μ: y = clip((x + μc)/(1 + μ))."""

    def point(multiplier: float) -> np.ndarray:
        return np.clip((x + multiplier * center) / (1 + multiplier), lower, upper)

    def excess(multiplier: float) -> float:
        return float(np.linalg.norm(point(multiplier) - center)) - radius

    if excess(0.0) <= 0:
        return point(0.0)
    most = 1.0
    while excess(most) > 0:
        most *= 2
    return point(brentq(excess, 0.0, most, xtol=1e-300, rtol=1e-15, maxiter=500))


def random_region(rows: int, size: int, seed: int, *, spread: float = 1.0) -> tuple[Region, Tensor]:
    """Boxes with sides without end, centers at sides and in corners, and points around them."""
    draws = np.random.default_rng(seed)
    lower, upper = -draws.random((2, rows, size)) * [[[1]], [[-1]]] - [[[0.1]], [[-0.1]]]
    upper[draws.random((rows, size)) < 0.1] = np.inf
    lower[draws.random((rows, size)) < 0.1] = -np.inf
    center = np.clip(0.5 * draws.standard_normal((rows, size)), lower, upper)
    if seed % 4 == 0:
        center[0] = np.where(np.isfinite(upper[0]), upper[0], center[0])
    radius = draws.choice([0.05, 0.3, 1.0, 2.0], rows) * draws.random(rows) * np.sqrt(size)
    radius[-1] = 0.0 if seed % 3 == 0 else radius[-1]
    x = center + np.exp(spread * draws.standard_normal((rows, size))) * draws.choice(
        [-1, 1], (rows, size)
    )
    parts = (torch.from_numpy(part) for part in (lower, upper, center, radius, x))
    low, high, middle, size_of, points = parts
    return Region(low, high, Ball(middle, size_of)), points


def ball_of(region: Region) -> Ball:
    assert region.ball is not None
    return region.ball


cases = given(st.integers(1, 4), st.integers(1, 12), st.integers(0, 9999))


@cases
@settings(max_examples=120, deadline=None)
def test_the_projection_is_the_nearest_point(rows: int, size: int, seed: int) -> None:
    region, x = random_region(rows, size, seed, spread=0.5 + seed % 4)
    ball, found = ball_of(region), region.project(x)
    for row in range(rows):
        arrays = (ball.center[row], ball.radius[row], region.lower[row], region.upper[row])
        center, radius, lower, upper = (array.numpy() for array in arrays)
        wanted = nearest(x[row].numpy(), center, float(radius), lower, upper)
        np.testing.assert_allclose(found[row].numpy(), wanted, rtol=0, atol=1e-9)


@cases
@settings(max_examples=60, deadline=None)
def test_the_projection_is_inside_the_nearest_of_all_and_stays(
    rows: int, size: int, seed: int
) -> None:
    """Feasible without tolerance; (x − Px)·(y − Px) ≤ 0 for every y of the region; PP = P."""
    region, x = random_region(rows, size, seed)
    ball, found = ball_of(region), region.project(x)
    assert ((found >= region.lower) & (found <= region.upper)).all()
    assert ((found - ball.center).norm(dim=1) <= ball.radius).all()
    assert region.project(found).equal(found)
    draws = torch.Generator().manual_seed(seed)
    others = 3 * torch.randn(rows, size, generator=draws, dtype=torch.float64)
    inside = region.project(others)
    assert (((x - found) * (inside - found)).sum(1) <= 1e-11 * (1 + x.norm(dim=1)) ** 2).all()
    apart = (found - inside).norm(dim=1)
    assert (apart <= (x - others).norm(dim=1) + 1e-12).all()


@pytest.mark.parametrize("radius", [3.0, 0.1, 1e-3, 1e-6, 0.0])
@pytest.mark.parametrize("size", [3, 12_288])
def test_rounding_of_float32_does_not_leave_the_ball(radius: float, size: int) -> None:
    """The distortion as it is computed from the point, and its norm in more digits."""
    draws = torch.Generator().manual_seed(0)
    center = 2 * torch.rand(8, size, generator=draws) - 1
    region = region_of(center, -1.0, 1.0, center, radius)
    for scale in (1e-3, 1.0, 30.0):
        found = region.project(center + scale * torch.randn(8, size, generator=draws))
        assert ((found - center).double().norm(dim=1) <= radius).all()
        assert (found.abs() <= 1).all()
        assert region.project(found).equal(found)


def test_slsqp_finds_the_same_projection() -> None:
    region, x = random_region(12, 5, seed=8)
    ball, found = ball_of(region), region.project(x)
    radii = ball.radius.tolist()
    for row in range(11):
        y, c, r = x[row].numpy(), ball.center[row].numpy(), radii[row]
        wanted = scipy_minimize(
            lambda z, y=y: 0.5 * np.sum((z - y) ** 2),
            c,
            jac=lambda z, y=y: z - y,
            bounds=list(zip(region.lower[row].tolist(), region.upper[row].tolist(), strict=True)),
            constraints={"type": "ineq", "fun": lambda z, c=c, r=r: r**2 - np.sum((z - c) ** 2)},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        np.testing.assert_allclose(found[row].numpy(), wanted.x, atol=2e-5)


def test_many_coordinates_are_clipped_one_after_the_other() -> None:
    """Each root in t clips one more: more of them than any fixed number of steps would find."""
    size = 30
    away = torch.logspace(0, 12, size, dtype=torch.float64)[None]
    wall = torch.linspace(1, 0.5, size, dtype=torch.float64)[None]
    radius = 0.999 * wall.norm()
    found = Region(-wall, wall, Ball(torch.zeros_like(away), radius[None])).project(away)
    bounds = wall[0].numpy()
    wanted = nearest(away[0].numpy(), 0 * bounds, float(radius), -bounds, bounds)
    np.testing.assert_allclose(found[0].numpy(), wanted, rtol=1e-9)
    assert (found == wall).sum() > 20


def test_rows_are_each_row_of_its_own() -> None:
    region, x = random_region(7, 4, seed=5)
    index = torch.tensor([5, 0, 3, 3])
    assert region.rows(index).project(x[index]).equal(region.project(x)[index])
    shared = region_of(x, -0.2, torch.full((4,), 0.3), torch.zeros(4), 0.4)
    assert shared.rows(index).project(x[index]).equal(shared.project(x)[index])
    box = region_of(x, double([-0.2]), 0.3)
    assert box.ball is None
    assert box.rows(index).project(x[index]).equal(x[index].clamp(-0.2, 0.3))
    assert box.rows(index).lower.shape == (4, 4)


def test_no_point_is_far_and_none_is_changed() -> None:
    x = double([0.1, 0.2], [0.0, 0.0])
    region = region_of(x, -1.0, 1.0, torch.zeros(2, 2), torch.inf)
    assert region.project(x).equal(x)
    assert (
        region.tangent(x, torch.ones_like(x)).project(torch.ones_like(x)).equal(torch.ones_like(x))
    )


def steepest(
    x: np.ndarray,
    gradient: np.ndarray,
    box: tuple[np.ndarray, np.ndarray],
    away: np.ndarray | None,
) -> tuple[np.ndarray, float]:
    """−g less its projection on the normal cone (Moreau), and the weight of the ball's normal."""
    identity = np.eye(len(x))
    normals = [identity[x >= box[1]], -identity[x <= box[0]]]
    normals += [away[None]] if away is not None else []
    cone = np.concatenate(normals).T
    if cone.shape[1] == 0:
        return -gradient, 0.0
    weights, _ = nnls(cone, -gradient)
    return -gradient - cone @ weights, float(weights[-1]) if away is not None else 0.0


@cases
@settings(max_examples=120, deadline=None)
def test_the_way_down_is_the_gradient_projected_on_the_tangent_cone(
    rows: int, size: int, seed: int
) -> None:
    region, x = random_region(rows, size, seed, spread=0.5)
    ball, x = ball_of(region), region.project(x)
    draws = torch.Generator().manual_seed(seed)
    gradient = torch.randn(rows, size, generator=draws, dtype=torch.float64)
    # against the outward way too, where more of the bounds let go
    gradient -= (seed % 5) * (x - ball.center)
    tangent = region.tangent(x, gradient)
    downhill = tangent.project(gradient)
    for row in range(rows):
        if ball.radius[row] == 0:
            assert (downhill[row] == 0).all()
            continue
        away = (x[row] - ball.center[row]).numpy()
        on_rim = np.linalg.norm(away) > float(ball.radius[row]) - 1e-12
        box = region.lower[row].numpy(), region.upper[row].numpy()
        wanted, multiplier = steepest(
            x[row].numpy(), gradient[row].numpy(), box, away if on_rim else None
        )
        np.testing.assert_allclose(-downhill[row].numpy(), wanted, atol=1e-9)
        assert tangent.multiplier is not None
        if on_rim and np.abs(away * tangent.free[row].numpy()).max() > 1e-6:
            assert tangent.multiplier[row].item() == pytest.approx(multiplier, abs=1e-8)


def test_the_ball_may_pull_a_coordinate_off_its_bound() -> None:
    """On a bound and the rim, where the bound alone would block the only way down there is."""
    x, gradient = double([0.8, 0.6]), double([-1.0, -10.0])
    region = region_of(x, -0.8, 0.8, torch.zeros(1, 2), 1.0)
    tangent = region.tangent(x, gradient)
    assert tangent.free.all()
    torch.testing.assert_close(tangent.multiplier, double(6.8))
    torch.testing.assert_close(tangent.project(gradient), double([4.44, -5.92]))
    pressed = region.tangent(x, double([-10.0, 1.0]))
    assert pressed.free.tolist() == [[False, True]]
    assert pressed.project(double([-10.0, 1.0])).tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize(
    ("error", "message", "given_as"),
    [
        (
            ShapeError,
            "x0 has shape (3,), expected a matrix (rows, size)",
            (torch.zeros(3), -1.0, 1.0),
        ),
        (
            ConfigError,
            "a lower bound is above its upper bound: swap them",
            (torch.zeros(2, 3), torch.tensor([0.0, 0.0, 2.0]), 1.0),
        ),
        (
            ShapeError,
            "bounds of shapes (2,) and (4,), expected shapes that broadcast to x0's (2, 3)",
            (torch.zeros(2, 3), -torch.ones(2), torch.ones(4)),
        ),
        (
            ShapeError,
            "bounds of shapes () and (1, 2, 3), expected shapes that broadcast to x0's (2, 3)",
            (torch.zeros(2, 3), -1.0, torch.ones(1, 2, 3)),
        ),
        (
            ConfigError,
            "a ball needs both a center and a radius: give both or neither",
            (torch.zeros(2, 3), -1.0, 1.0, torch.zeros(3)),
        ),
        (
            ConfigError,
            "a ball needs both a center and a radius: give both or neither",
            (torch.zeros(2, 3), -1.0, 1.0, None, 1.0),
        ),
        (
            ShapeError,
            "a center of shape (2,) and a radius of shape (3,), "
            "expected shapes that broadcast to (2, 3) and (2,)",
            (torch.zeros(2, 3), -1.0, 1.0, torch.zeros(2), torch.ones(3)),
        ),
        (
            ConfigError,
            "a radius is -0.5, expected none below 0",
            (torch.zeros(2, 3), -1.0, 1.0, torch.zeros(3), torch.tensor([1.0, -0.5])),
        ),
        (
            ConfigError,
            "a radius is nan, expected none below 0",
            (torch.zeros(2, 3), -1.0, 1.0, torch.zeros(3), torch.nan),
        ),
        (
            ConfigError,
            "a ball's center is outside the bounds: move it inside",
            (torch.zeros(2, 3), -1.0, 1.0, torch.tensor([0.0, 1.5, 0.0]), 1.0),
        ),
    ],
)
def test_what_is_no_region_is_refused(
    error: type[Exception], message: str, given_as: tuple[Tensor, ...]
) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        region_of(*given_as)
