"""The minimiser in balls cut by a box: against an exact dual solver, and by KKT conditions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, lsq_linear, nnls
from scipy.optimize import minimize as scipy_minimize
from torch import Tensor

from seatbelt_vae.errors import ConfigError
from seatbelt_vae.optim import Minimum, Status, minimize
from seatbelt_vae.optim.region import region_of
from tests.optim.problems import Function, quadratic, random_problems, rosenbrock

TIGHT = {"relative_fall": 1e-15, "max_evaluations": 3000}


def least_squares(
    a: np.ndarray, b: np.ndarray, center: np.ndarray, radius: float, half: float
) -> float:
    """½‖Ax − b‖² at its least: each μ of the ball is a bounded least-squares problem."""
    size = a.shape[1]

    def solution(multiplier: float) -> np.ndarray:
        root = np.sqrt(multiplier)
        left, right = np.vstack([a, root * np.eye(size)]), np.concatenate([b, root * center])
        return lsq_linear(left, right, (-half, half), method="bvls", tol=1e-15).x

    def excess(multiplier: float) -> float:
        return float(np.linalg.norm(solution(multiplier) - center)) - radius

    most = 1.0
    while excess(most) > 0:
        most *= 4
    x = solution(0.0 if excess(0.0) <= 0 else brentq(excess, 0.0, most, xtol=1e-14, rtol=1e-14))
    return 0.5 * float(np.sum((a @ x - b) ** 2))


def assert_kkt(
    found: Minimum, fun: Function, center: Tensor, radius: Tensor, half: float, tolerance: float
) -> None:
    """−g is a non-negative sum of the normals of the bounds and the rim that x lies at."""
    _, gradient = fun(found.x, torch.arange(len(found.x)))
    for x, g, c, rho in zip(found.x, gradient, center, radius, strict=True):
        identity = np.eye(len(x))
        normals = [identity[(x >= half - 1e-9).numpy()], -identity[(x <= -half + 1e-9).numpy()]]
        away = (x - c).numpy()
        if np.linalg.norm(away) >= float(rho) * (1 - 1e-9):
            normals.append(away[None])
        cone = np.concatenate([np.zeros((1, len(x))), *normals]).T
        _, left = nnls(cone, -g.numpy())
        assert left <= tolerance * (1 + g.norm())


def balls(rows: int, size: int, seed: int, half: float) -> tuple[Tensor, Tensor]:
    """Centers in the box, the first in a corner of it, and radii from small to large."""
    draws = torch.Generator().manual_seed(seed)
    center = (0.6 * torch.randn(rows, size, generator=draws, dtype=torch.float64)).clamp(
        -half, half
    )
    center[0] = half * (-1.0) ** torch.arange(size, dtype=torch.float64)
    return center, 0.1 + 1.5 * torch.rand(rows, generator=draws, dtype=torch.float64)


def test_quadratics_end_at_the_exact_solution() -> None:
    rows, size, half = 40, 7, 0.5
    a, b = random_problems(rows, 9, size)
    fun, (center, radius) = quadratic(a, 3 * b), balls(rows, size, 1, half)
    found = minimize(fun, center, -half, half, center=center, radius=radius, **TIGHT)
    at_bound = (found.x.abs() == half).any(1)
    on_rim = (found.x - center).norm(dim=1) >= radius * (1 - 1e-9)
    assert (at_bound & on_rim).sum() >= 10
    assert (at_bound & ~on_rim).sum() >= 3
    for row in range(rows):
        wanted = least_squares(
            a[row].numpy(), 3 * b[row].numpy(), center[row].numpy(), float(radius[row]), half
        )
        assert found.value[row].item() == pytest.approx(wanted, rel=1e-7)
    assert_kkt(found, fun, center, radius, half, 1e-3)
    assert (found.gradient_norm < 1e-2).all()


def test_ill_conditioned_quadratics_end_at_the_exact_solution() -> None:
    """Condition 10⁸ of the Hessian, turned: neither the rim nor the bounds are along its axes."""
    rows, size = 6, 12
    a, b = random_problems(rows, size, size, seed=2)
    turn = torch.linalg.qr(a).Q
    a = torch.logspace(0, 4, size, dtype=torch.float64)[:, None] * turn
    b = torch.logspace(0, 4, size, dtype=torch.float64) * b
    fun, (center, radius) = quadratic(a, b), balls(rows, size, 3, 0.7)
    found = minimize(fun, center, -0.7, 0.7, center=center, radius=radius, memory=20, **TIGHT)
    for row in range(rows):
        wanted = least_squares(
            a[row].numpy(), b[row].numpy(), center[row].numpy(), float(radius[row]), 0.7
        )
        assert found.value[row].item() <= wanted * (1 + 1e-4)
        assert found.value[row].item() >= wanted * (1 - 1e-9)


def test_rosenbrock_in_a_ball_ends_where_slsqp_ends() -> None:
    x0 = torch.tensor([[-0.5, 0.4, 0.1], [0.0, 0.0, 0.0], [0.4, -0.2, 0.3]]).double()
    radius = torch.tensor([0.4, 0.7, 0.05]).double()
    found = minimize(rosenbrock, x0, -0.8, 0.6, center=x0, radius=radius, **TIGHT)
    for row in range(3):
        center, size = x0[row].numpy(), radius[row].item()
        wanted = scipy_minimize(
            lambda x: rosenbrock(torch.from_numpy(x)[None], torch.tensor([0]))[0].item(),
            center,
            jac=lambda x: rosenbrock(torch.from_numpy(x)[None], torch.tensor([0]))[1][0].numpy(),
            bounds=[(-0.8, 0.6)] * 3,
            constraints={
                "type": "ineq",
                "fun": lambda x, c=center, r=size: r**2 - np.sum((x - c) ** 2),
                "jac": lambda x, c=center: -2 * (x - c),
            },
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 1000},
        )
        assert found.value[row].item() == pytest.approx(wanted.fun, rel=1e-6)


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 999), st.floats(0.1, 2))
@settings(max_examples=40, deadline=None)
def test_promises_in_a_ball(rows: int, size: int, seed: int, half: float) -> None:
    """Every point asked for is feasible; the last one is no worse than any and meets KKT."""
    a, b = random_problems(rows, size + 2, size, seed)
    center, radius = balls(rows, size, seed, half)
    radius[-1] = 0.0 if seed % 2 else radius[-1]
    best = torch.full((rows,), torch.inf, dtype=torch.float64)

    def fun(x: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
        assert ((x - center[number]).norm(dim=1) <= radius[number]).all()
        assert (x.abs() <= half).all()
        value, gradient = quadratic(a, b)(x, number)
        best[number] = torch.minimum(best[number], value)
        return value, gradient

    x0 = torch.zeros(rows, size).double()
    found = minimize(fun, x0, -half, half, center=center, radius=radius, **TIGHT)
    assert found.value.equal(best)
    assert found.value.equal(quadratic(a, b)(found.x, torch.arange(rows))[0])
    region = region_of(x0, -half, half, center, radius)
    _, gradient = quadratic(a, b)(found.x, torch.arange(rows))
    # a projected step gets nowhere
    left = (found.x - region.project(found.x - gradient)).norm(dim=1)
    assert (left <= 1e-5 * (1 + gradient.norm(dim=1))).all()
    if seed % 2:
        assert found.x[-1].equal(center[-1])
        assert found.status[-1] == Status.STATIONARY
        assert found.evaluations[-1] == 1


def test_a_bound_that_only_the_ball_lets_go_is_left() -> None:
    """From a point at a bound and the rim, where f falls out of the box and along the rim."""
    slope = torch.tensor([-1.0, -10.0]).double()

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        del rows
        return (slope * x).sum(1), slope.expand_as(x)

    x0, center = torch.tensor([[0.8, 0.6]]).double(), torch.zeros(1, 2).double()
    found = minimize(fun, x0, -0.8, 1.0, center=center, radius=1.0, **TIGHT)
    torch.testing.assert_close(found.x[0], -slope / slope.norm(), atol=1e-5, rtol=0)


def test_a_row_alone_is_the_same_row_bit_for_bit() -> None:
    rows = 25
    a, b = random_problems(rows, 9, 7)
    fun, (center, radius) = quadratic(a, 2 * b), balls(rows, 7, 4, 0.5)
    found = minimize(fun, center, -0.5, 0.5, center=center, radius=radius)
    queued = minimize(fun, center, -0.5, 0.5, center=center, radius=radius, micro_batch=4)
    assert len(set(found.evaluations.tolist())) > 3
    names = ("x", "value", "gradient_norm", "status", "evaluations", "iterations")
    for name in names:
        assert getattr(queued, name).equal(getattr(found, name)), name
    for row in (0, 7, rows - 1):
        alone = minimize(
            lambda x, number, row=row: fun(x, number + row),
            center[row, None], -0.5, 0.5, center=center[row], radius=radius[row],
        )  # fmt: skip
        for name in names:
            assert getattr(alone, name)[0].equal(getattr(found, name)[row]), name


def test_ten_thousand_rows_are_each_the_projection() -> None:
    draws = torch.Generator().manual_seed(0)
    aim = 2 * torch.randn(10_000, 3, generator=draws, dtype=torch.float64)
    center = torch.rand(10_000, 3, generator=draws, dtype=torch.float64) - 0.5
    radius = torch.rand(10_000, generator=draws, dtype=torch.float64)

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        away = x - aim[rows]
        return away.square().sum(1), 2 * away

    found = minimize(fun, center, -0.6, 0.6, center=center, radius=radius, relative_fall=1e-12)
    wanted = region_of(aim, -0.6, 0.6, center, radius).project(aim)
    torch.testing.assert_close(found.x, wanted, atol=1e-4, rtol=0)
    # a rim or a bound met badly costs many times as much
    assert found.evaluations.double().mean() < 12
    alone = minimize(
        lambda x, rows: fun(x, rows + 9_999), center[-1:], -0.6, 0.6,
        center=center[-1:], radius=radius[-1:], relative_fall=1e-12,
    )  # fmt: skip
    assert alone.x[0].equal(found.x[-1])
    assert alone.evaluations[0] == found.evaluations[-1]


def test_a_ball_that_is_not_whole_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^a ball needs both a center and a radius: give both"):
        minimize(rosenbrock, torch.zeros(1, 2), -1.0, 1.0, radius=1.0)
