"""The bounded minimiser against SciPy, and its promises: row by row, never outside, never worse."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear
from scipy.optimize import minimize as scipy_minimize
from torch import Tensor

from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.optim import Minimum, Status, minimize, project_direction
from tests.optim.problems import (
    Function,
    beale,
    penalised,
    quadratic,
    random_problems,
    rosenbrock,
)

TIGHT = {"relative_fall": 1e-15, "max_evaluations": 2000}
FINISHED = {Status.CONVERGED, Status.STATIONARY, Status.LINE_SEARCH_FAILED}


def double(*values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def by_scipy(fun: Function, x0: Tensor, lower: float, upper: float, row: int = 0) -> float:
    def one(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = fun(torch.from_numpy(x)[None], torch.tensor([row]))
        return value.item(), gradient[0].numpy()

    bounds = [(lower, upper)] * x0.shape[1]
    options = {"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-10}
    start = x0[row].clamp(lower, upper).numpy()
    return scipy_minimize(
        one, start, jac=True, bounds=bounds, method="L-BFGS-B", options=options
    ).fun


def residual(found: Minimum, fun: Function, lower: float, upper: float) -> Tensor:
    """Norm of the projected gradient, asked anew."""
    _, gradient = fun(found.x, torch.arange(len(found.x)))
    return project_direction(-gradient, found.x, lower, upper).norm(dim=1)


@pytest.mark.parametrize(
    ("fun", "starts", "lower", "upper"),
    [
        (rosenbrock, [[-1.2, 1.0], [0.0, 0.0], [1.9, -1.9]], -2.0, 2.0),
        (rosenbrock, [[-1.2, 1.0], [0.3, 0.4], [-0.5, 0.5]], -2.0, 0.5),
        (rosenbrock, [[-1.2, 1.0, -1.0, 0.7, 0.0, 0.2, 1.0, 1.0]], -2.0, 2.0),
        (beale, [[1.0, 1.0], [2.0, 0.0], [3.5, 0.9]], -4.5, 4.5),
        (beale, [[1.0, 0.0], [0.5, 0.1]], 0.0, 2.0),
    ],
)
def test_standard_problems_end_where_scipy_ends(
    fun: Function, starts: list[list[float]], lower: float, upper: float
) -> None:
    x0 = double(*starts)
    found = minimize(fun, x0, lower, upper, **TIGHT)
    for row, value in enumerate(found.value.tolist()):
        assert value <= by_scipy(fun, x0, lower, upper, row) + 1e-8
    assert set(found.status.tolist()) <= FINISHED
    assert (residual(found, fun, lower, upper) < 1e-3).all()


def test_many_quadratics_with_active_bounds() -> None:
    a, b = random_problems(40, 12, 8)
    fun = quadratic(a, 3 * b)
    found = minimize(fun, torch.zeros(40, 8).double(), -0.4, 0.6, **TIGHT)
    at_bound = ((found.x == -0.4) | (found.x == 0.6)).double().mean()
    assert 0.2 < at_bound < 0.9
    for row in range(40):
        wanted = lsq_linear(a[row].numpy(), 3 * b[row].numpy(), (-0.4, 0.6), tol=1e-14)
        assert found.value[row].item() == pytest.approx(wanted.cost, rel=1e-9)
        np.testing.assert_allclose(found.x[row].numpy(), wanted.x, atol=1e-4)


def test_bounds_of_every_coordinate_and_row() -> None:
    a, b = random_problems(5, 6, 4)
    draws = torch.Generator().manual_seed(3)
    lower = -torch.rand(5, 4, generator=draws, dtype=torch.float64)
    upper = torch.rand(5, 4, generator=draws, dtype=torch.float64)
    lower[2, 1] = upper[2, 1] = 0.25
    found = minimize(quadratic(a, 3 * b), torch.zeros(5, 4).double(), lower, upper, **TIGHT)
    assert found.x[2, 1] == 0.25
    for row in range(5):
        box = lower[row].numpy() - 1e-12, upper[row].numpy() + 1e-12
        wanted = lsq_linear(a[row].numpy(), 3 * b[row].numpy(), box, tol=1e-14)
        assert found.value[row].item() == pytest.approx(wanted.cost, rel=1e-8)
    shared = minimize(quadratic(a, 3 * b), torch.zeros(5, 4).double(), lower[:1], upper[0], **TIGHT)
    alone = minimize(
        lambda x, rows: quadratic(a, 3 * b)(x, rows + 4),
        torch.zeros(1, 4).double(), lower[0], upper[0], **TIGHT,
    )  # fmt: skip
    assert shared.value[4].item() == pytest.approx(alone.value.item(), rel=1e-12)


def test_an_ill_conditioned_quadratic() -> None:
    scale = torch.logspace(0, 6, 30, dtype=torch.float64)

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        del rows
        return 0.5 * (scale * (x - 0.3).square()).sum(1), scale * (x - 0.3)

    x0, start = torch.zeros(1, 30).double(), 0.5 * 0.09 * scale.sum()
    found = minimize(fun, x0, -1.0, 1.0, relative_fall=1e-15, max_evaluations=500)
    assert found.value < 1e-5 * start
    slow = minimize(fun, x0, -1.0, 1.0, relative_fall=1e-15, max_evaluations=500, memory=1)
    assert found.value < slow.value


@pytest.mark.parametrize("weight", [0.0, 0.5, 5.0])
def test_a_kink_at_a_point(weight: float) -> None:
    """Least squares with an unsquared distance, as in the attacks; the minimum may be the kink."""
    rows, size = 6, 10
    a, b = random_problems(rows, 12, size)
    draws = torch.Generator().manual_seed(1)
    center = 0.5 * torch.randn(rows, size, generator=draws, dtype=torch.float64).clamp(-1, 1)
    fun = penalised(a, b, center, torch.full((rows,), weight, dtype=torch.float64))
    x0 = center + 0.1
    found = minimize(fun, x0, -1.0, 1.0, **TIGHT)
    for row in range(rows):
        wanted = by_scipy(fun, x0, -1.0, 1.0, row)
        assert found.value[row].item() <= wanted * (1 + 1e-4) + 1e-9


def test_a_row_alone_is_the_same_row_bit_for_bit() -> None:
    rows = 25
    a, b = random_problems(rows, 9, 7)
    fun = quadratic(a, 2 * b)
    draws = torch.Generator().manual_seed(2)
    x0 = 0.3 * torch.randn(rows, 7, generator=draws, dtype=torch.float64)
    found = minimize(fun, x0, -0.5, 0.5)
    assert len(set(found.evaluations.tolist())) > 3
    for row in (0, 7, rows - 1):
        alone = minimize(lambda x, number, row=row: fun(x, number + row), x0[row, None], -0.5, 0.5)
        for name in ("x", "value", "status", "evaluations", "iterations"):
            assert getattr(alone, name)[0].equal(getattr(found, name)[row]), name


def test_ten_thousand_rows() -> None:
    draws = torch.Generator().manual_seed(0)
    center = 2 * torch.randn(10_000, 3, generator=draws, dtype=torch.float64)
    scale = torch.rand(10_000, 3, generator=draws, dtype=torch.float64) + 0.1

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        away = x - center[rows]
        return (scale[rows] * away.square()).sum(1), 2 * scale[rows] * away

    found = minimize(fun, torch.zeros_like(center), -1.0, 1.0, relative_fall=1e-12)
    torch.testing.assert_close(found.x, center.clamp(-1, 1), atol=1e-4, rtol=0)


@pytest.mark.parametrize("places", [1, 3, 11, 50])
def test_micro_batches_change_nothing_but_the_size_of_a_call(places: int) -> None:
    """Every row has its own problem and bounds: a row in another's place would end elsewhere."""
    a, b = random_problems(11, 5, 4)
    draws = torch.Generator().manual_seed(5)
    lower = -torch.rand(11, 4, generator=draws, dtype=torch.float64)
    upper = torch.rand(11, 4, generator=draws, dtype=torch.float64)
    sizes = []

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        sizes.append(len(x))
        assert len(x) == len(rows)
        assert ((x >= lower[rows]) & (x <= upper[rows])).all()
        return quadratic(a, b)(x, rows)

    x0 = torch.zeros(11, 4).double()
    whole = minimize(fun, x0, lower, upper)
    sizes.clear()
    parts = minimize(fun, x0, lower, upper, micro_batch=places)
    assert max(sizes) == min(places, 11)
    for name in ("x", "value", "status", "evaluations", "iterations"):
        assert getattr(parts, name).equal(getattr(whole, name)), name
    torch.testing.assert_close(parts.gradient_norm, whole.gradient_norm)


def test_a_row_does_not_inherit_how_far_the_last_one_in_its_place_could_go() -> None:
    """The first is straight, so that its steps grow and grow; the second is not."""

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        straight = (rows == 0)[:, None]
        value = torch.where(straight, -x, (x - 0.3).square() + (5 * x).sin())
        gradient = torch.where(straight, -torch.ones_like(x), 2 * (x - 0.3) + 5 * (5 * x).cos())
        return value.sum(1), gradient

    x0 = torch.full((2, 2), -40.0).double()
    together = minimize(fun, x0, -50.0, 500.0)
    queued = minimize(fun, x0, -50.0, 500.0, micro_batch=1)
    assert queued.x.equal(together.x)
    assert queued.evaluations.equal(together.evaluations)


def test_a_kink_where_the_remembered_direction_fails_ends_the_line_search() -> None:
    """Weighted distances of each coordinate: at a kink neither memory nor gradient leads down."""
    weight = torch.logspace(0, 2, 5, dtype=torch.float64)

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        del rows
        value = (weight * (x - 0.1).abs() + 0.5 * x.square()).sum(1)
        return value, weight * (x - 0.1).sign() + x

    # which rows end so is up to the last bit
    x0 = torch.linspace(-1, 1, 200, dtype=torch.float64).reshape(40, 5)
    found = minimize(fun, x0, -2.0, 2.0, relative_fall=0.0, max_evaluations=5000)
    assert (found.status == Status.LINE_SEARCH_FAILED).sum() >= 2
    assert (found.value < fun(x0, torch.arange(40))[0]).all()


def test_no_rows_are_no_work() -> None:
    found = minimize(rosenbrock, torch.zeros(0, 3), -1.0, 1.0)
    assert found.x.shape == (0, 3)
    assert len(found.value) == len(found.status) == 0


def hole(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """‖x − 0.2‖², not a number beyond 0.5; the first step leads there. Row 1 has it everywhere."""
    value, gradient = (x - 0.2).square().sum(1), 2 * (x - 0.2)
    bad = (x > 0.5).any(1) | (rows == 1)
    return value.masked_fill(bad, torch.nan), gradient.masked_fill(bad[:, None], torch.nan)


def test_a_region_that_is_not_a_number_is_stepped_back_from() -> None:
    x0 = torch.full((3, 2), -3.0).double()
    found = minimize(hole, x0, -4.0, 4.0, **TIGHT)
    assert found.status[1] == Status.NOT_FINITE
    assert found.evaluations[1] == 1
    assert found.x[1].equal(x0[1])
    for row in (0, 2):
        assert found.status[row] != Status.NOT_FINITE
        torch.testing.assert_close(found.x[row], double(0.2, 0.2), atol=1e-6, rtol=0)


def test_a_gradient_that_is_not_finite_is_never_stepped_to() -> None:
    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        del rows
        gradient = 2 * x
        return x.square().sum(1), gradient.masked_fill(x.abs() < 0.1, torch.inf)

    found = minimize(fun, double([1.0, 2.0]), -4.0, 4.0)
    assert found.x.abs().min() >= 0.1
    assert found.value.isfinite().all()
    assert found.gradient_norm.isfinite().all()


@pytest.mark.parametrize("limit", [1, 2, 7, 40])
def test_rows_that_never_converge_stop_at_the_limit(limit: int) -> None:
    asked = torch.zeros(3, dtype=torch.long)

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        asked[rows] += 1
        return -x.sum(1), -torch.ones_like(x)

    found = minimize(fun, torch.zeros(3, 2).double(), -1e300, 1e300, max_evaluations=limit)
    assert (found.status == Status.EVALUATION_LIMIT).all()
    assert (found.evaluations == limit).all()
    assert asked.equal(found.evaluations)


def test_evaluations_are_counted_row_by_row() -> None:
    a, b = random_problems(12, 6, 5)
    asked = torch.zeros(12, dtype=torch.long)

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        asked[rows] += 1
        return quadratic(a, b)(x, rows)

    found = minimize(fun, torch.zeros(12, 5).double(), -1.0, 1.0)
    assert asked.equal(found.evaluations)
    assert (found.iterations < found.evaluations).all()
    assert (found.iterations >= 1).all()


def test_the_best_start_at_a_bound_is_left_alone() -> None:
    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        del rows
        return x.sum(1), torch.ones_like(x)

    found = minimize(fun, torch.full((2, 3), -1.0), -1.0, 1.0)
    assert (found.status == Status.STATIONARY).all()
    assert (found.evaluations == 1).all()
    assert (found.gradient_norm == 0).all()
    assert (found.x == -1).all()


def test_a_row_whose_projected_gradient_is_small_enough_is_stationary() -> None:
    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        del rows
        return 0.5 * x.square().sum(1), x

    x0 = double([0.3, 0.4], [3.0, 4.0])
    found = minimize(fun, x0, -9.0, 9.0, gradient_tolerance=0.5)
    assert found.status.tolist() == [Status.STATIONARY] * 2
    assert found.evaluations[0] == 1
    assert found.evaluations[1] > 1
    assert (found.gradient_norm <= 0.5).all()


def test_starts_outside_the_box_are_projected_and_left_as_they_were() -> None:
    x0 = double([-7.0, 9.0])
    seen = []

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(x.clone())
        return beale(x, rows)

    found = minimize(fun, x0, -1.0, 2.0)
    assert seen[0].tolist() == [[-1.0, 2.0]]
    assert all(((x >= -1) & (x <= 2)).all() for x in seen)
    assert x0.tolist() == [[-7.0, 9.0]]
    assert not found.x.requires_grad


def test_the_floor_is_where_the_fall_is_measured_from() -> None:
    """Far above 0 a share of the value is no measure; above the floor it is."""
    a, b = random_problems(1, 8, 6)

    def raised(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        value, gradient = quadratic(a, b)(x, rows)
        return value + 1e6, gradient

    x0 = torch.full((1, 6), 2.0).double()
    blind = minimize(raised, x0, -3.0, 3.0, window=3)
    told = minimize(raised, x0, -3.0, 3.0, window=3, floor=1e6)
    plain = minimize(quadratic(a, b), x0, -3.0, 3.0, window=3)
    assert blind.evaluations < told.evaluations == plain.evaluations
    assert (blind.status == Status.CONVERGED).all()


def test_noise_of_float32_ends_the_descent_and_does_no_harm() -> None:
    draws = torch.Generator().manual_seed(0)
    a = torch.randn(8, 60, 40, generator=draws) * torch.logspace(-0.5, 0.5, 40)
    b = torch.randn(8, 60, generator=draws)
    found = minimize(quadratic(a, b), torch.zeros(8, 40), -1.0, 1.0)
    exact = minimize(
        quadratic(a.double(), b.double()), torch.zeros(8, 40).double(), -1.0, 1.0, **TIGHT
    )
    assert found.x.dtype == torch.float32
    assert set(found.status.tolist()) <= FINISHED
    assert (found.value.double() <= exact.value * 1.02 + 1e-5).all()
    noisy = minimize(quadratic(a, b), torch.zeros(8, 40), -1.0, 1.0, relative_fall=0.0)
    assert set(noisy.status.tolist()) <= FINISHED
    assert (noisy.value.double() <= exact.value * 1.002 + 1e-5).all()


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 999), st.floats(0.05, 2))
@settings(max_examples=40, deadline=None)
def test_promises_on_convex_quadratics(rows: int, size: int, seed: int, half: float) -> None:
    a, b = random_problems(rows, size + 2, size, seed)
    fun = quadratic(a, b)
    draws = torch.Generator().manual_seed(seed + 1)
    x0 = torch.randn(rows, size, generator=draws, dtype=torch.float64)
    found = minimize(fun, x0, -half, half, **TIGHT)
    everyone = torch.arange(rows)
    value, _ = fun(found.x, everyone)
    start, gradient = fun(x0.clamp(-half, half), everyone)
    assert ((found.x >= -half) & (found.x <= half)).all()
    assert (found.value <= start).all()
    assert found.value.equal(value)
    assert found.gradient_norm.equal(residual(found, fun, -half, half))
    # how far a step against the gradient gets: 0 also where a bound is a rounding away
    _, last = fun(found.x, everyone)
    left = (found.x - (found.x - last).clamp(-half, half)).norm(dim=1)
    assert (left <= 1e-5 * (1 + gradient.norm(dim=1))).all()
    assert (found.status != Status.RUNNING).all()


@given(st.integers(0, 999), st.integers(1, 12), st.integers(1, 12))
@settings(max_examples=15, deadline=None)
def test_the_value_never_rises_whatever_the_function(seed: int, memory: int, limit: int) -> None:
    """A bumpy function on a tight box, where projected steps may point uphill."""
    draws = torch.Generator().manual_seed(seed)
    wave = 4 * torch.randn(6, 5, generator=draws, dtype=torch.float64)
    mixing = torch.randn(5, 5, generator=draws, dtype=torch.float64)

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        mixed = (x[:, None] * mixing).sum(2)
        by_mixed = wave[rows] * (wave[rows] * mixed).cos() + mixed
        value = (wave[rows] * mixed).sin().sum(1) + 0.5 * mixed.square().sum(1)
        return value, (by_mixed[:, :, None] * mixing).sum(1)

    x0 = torch.randn(6, 5, generator=draws, dtype=torch.float64)
    values = [fun(x0.clamp(-0.5, 0.5), torch.arange(6))[0]]
    for evaluations in range(1, limit + 1):
        found = minimize(fun, x0, -0.5, 0.5, memory=memory, max_evaluations=evaluations)
        values.append(found.value)
        assert (values[-1] <= values[-2]).all()
    assert found.value.equal(fun(found.x, torch.arange(6))[0])


@pytest.mark.parametrize("name", ["memory", "max_evaluations", "window"])
def test_settings_below_one_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name} is 0, expected at least 1$"):
        minimize(rosenbrock, torch.zeros(1, 2), -1.0, 1.0, **{name: 0})


def test_inputs_that_do_not_fit_are_refused_by_shape() -> None:
    with pytest.raises(ShapeError, match=r"^x0 has shape \(2,\), expected a matrix"):
        minimize(rosenbrock, torch.zeros(2), -1.0, 1.0)
    with pytest.raises(ConfigError, match=r"^a lower bound is above its upper bound: swap them$"):
        minimize(rosenbrock, torch.zeros(1, 2), 1.0, -1.0)
    message = r"^bounds of shapes \(3,\) and \(\), expected shapes that broadcast to x0's \(1, 2\)$"
    with pytest.raises(ShapeError, match=message):
        minimize(rosenbrock, torch.zeros(1, 2), -torch.ones(3), 1.0)
    with pytest.raises(ShapeError, match="expected shapes that broadcast"):
        minimize(rosenbrock, torch.zeros(1, 2), -torch.ones(2, 2), 1.0)
