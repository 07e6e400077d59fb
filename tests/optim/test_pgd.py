"""Projected gradient descent: known projections, and its promises row by row."""

import re

import pytest
import torch
from torch import Tensor

from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.optim import Minimum, Status, minimize_by_pgd
from seatbelt_vae.optim.region import region_of
from tests.optim.problems import Function, quadratic, random_problems, rosenbrock


def toward(aim: Tensor) -> Function:
    """½‖x − a_r‖², least in a convex region at the projection of a_r."""

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        away = x - aim[rows]
        return 0.5 * away.square().sum(1), away

    return fun


def aims(rows: int, size: int, scale: float = 2.0, seed: int = 0) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    return scale * torch.randn(rows, size, generator=draws, dtype=torch.float64)


def test_in_a_ball_the_projection_is_found() -> None:
    """Its rows have centers and radii of their own; some aims are inside."""
    rows, size = 20, 6
    aim, center = aims(rows, size), aims(rows, size, 0.3, seed=1).clamp(-1, 1)
    radius = torch.linspace(0, 3, rows, dtype=torch.float64)
    found = minimize_by_pgd(
        toward(aim), center, -1.0, 1.0, center=center, radius=radius, max_evaluations=500
    )
    region = region_of(aim, -1.0, 1.0, center, radius)
    torch.testing.assert_close(found.x, region.project(aim), atol=2e-3, rtol=0)
    assert ((found.x - center).norm(dim=1) <= radius).all()
    assert (found.x.abs() <= 1).all()
    assert (found.status == Status.CONVERGED).all()
    # the start is the best there is, without a way to go
    assert found.x[0].equal(center[0])
    assert found.gradient_norm[0] == 0
    assert found.iterations[0] == 0


def test_in_a_box_the_projection_is_found() -> None:
    aim = aims(40, 6, 3.0)
    lower, upper = torch.full((6,), -0.5).double(), torch.linspace(0, 2, 6).double()
    found = minimize_by_pgd(toward(aim), torch.zeros_like(aim), lower, upper, max_evaluations=500)
    torch.testing.assert_close(found.x, aim.clamp(lower, upper), atol=5e-3, rtol=0)
    at_corner = ((aim <= lower) | (aim >= upper)).all(1)
    assert at_corner.any()
    assert (found.gradient_norm[at_corner] == 0).all()


def test_the_first_steps_have_half_the_size_of_the_region() -> None:
    """In the ball along the gradient, in the box along its sign."""
    seen: list[list[float]] = []

    def downhill(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        del rows
        seen.extend(x.tolist())
        slope = torch.tensor([-3.0, 4.0], dtype=x.dtype).expand_as(x)
        return (slope * x).sum(1), slope

    x0 = torch.zeros(1, 2).double()
    minimize_by_pgd(downhill, x0, -9.0, 9.0, center=x0, radius=2.0, max_evaluations=3)
    assert seen[:2] == [[0.0, 0.0], pytest.approx([0.6, -0.8])]
    assert seen[2] == pytest.approx([1.2, -1.6])
    seen.clear()
    minimize_by_pgd(downhill, x0, torch.tensor([-1.0, -4.0]), 4.0, max_evaluations=2)
    assert seen == [[0.0, 0.0], [1.25, -2.0]]


def test_a_step_that_is_stuck_is_halved_and_begins_from_the_best_point() -> None:
    """|x − 0.1| from 0: ½ up and down, four times; then ¼ from the best point, and so on."""
    seen: list[float] = []

    def kink(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        del rows
        seen.extend(x[:, 0].tolist())
        return (x - 0.1).abs().sum(1), (x - 0.1).sign()

    found = minimize_by_pgd(kink, torch.zeros(1, 1).double(), -1.0, 1.0, max_evaluations=10)
    assert seen == [0, 0.5, 0, 0.5, 0, 0.25, 0, 0.25, 0, 0.125]
    assert found.x.item() == 0.125
    assert found.iterations.item() == 1
    whole = minimize_by_pgd(kink, torch.zeros(1, 1).double(), -1.0, 1.0, max_evaluations=500)
    assert abs(whole.x.item() - 0.1) < 1e-3
    assert whole.status.item() == Status.CONVERGED


def assert_same_rows(some: Minimum, others: Minimum, rows: list[int] | slice) -> None:
    for name in ("x", "value", "gradient_norm", "status", "evaluations", "iterations"):
        assert getattr(some, name).equal(getattr(others, name)[rows]), name


@pytest.mark.parametrize("ball", [True, False])
@pytest.mark.parametrize("places", [1, 3, 11, 50])
def test_micro_batches_change_nothing_but_the_size_of_a_call(places: int, ball: bool) -> None:
    """Rows end at different times; each has its own problem, ball and count of calls."""
    a, b = random_problems(11, 6, 4)
    center = aims(11, 4, 0.3).clamp(-1, 1)
    extra = {"center": center, "radius": torch.linspace(0.1, 2, 11)} if ball else {}
    asked, sizes = torch.zeros(11, dtype=torch.long), []

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        asked[rows] += 1
        sizes.append(len(x))
        return quadratic(a, b)(x, rows)

    whole = minimize_by_pgd(fun, center, -1.0, 1.0, max_evaluations=300, **extra)
    assert asked.equal(whole.evaluations)
    assert len(set(whole.evaluations.tolist())) > 3
    sizes.clear()
    parts = minimize_by_pgd(
        fun, center, -1.0, 1.0, max_evaluations=300, micro_batch=places, **extra
    )
    assert max(sizes) == min(places, 11)
    assert_same_rows(parts, whole, slice(None))


@pytest.mark.parametrize("limit", [1, 2, 7, 30])
def test_rows_that_never_converge_stop_at_the_limit(limit: int) -> None:
    x0 = torch.tensor([[-1.2, 1.0], [0.3, 0.1]]).double()
    found = minimize_by_pgd(rosenbrock, x0, -2.0, 2.0, max_evaluations=limit)
    assert (found.status == Status.EVALUATION_LIMIT).all()
    assert (found.evaluations == limit).all()
    assert (found.value <= rosenbrock(x0, torch.arange(2))[0]).all()
    assert found.value.equal(rosenbrock(found.x, torch.arange(2))[0])


def test_what_is_not_a_number_at_the_start_ends_a_row_and_no_other() -> None:
    aim = torch.full((4, 2), 0.3).double()

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        value, gradient = toward(aim)(x, rows)
        value = value.masked_fill(rows == 1, torch.nan)
        return value, gradient.masked_fill((rows == 2)[:, None], torch.inf)

    found = minimize_by_pgd(fun, torch.zeros_like(aim), -1.0, 1.0, max_evaluations=300)
    bad = Status.NOT_FINITE
    assert found.status.tolist() == [Status.CONVERGED, bad, bad, Status.CONVERGED]
    assert found.evaluations[1:3].tolist() == [1, 1]
    assert (found.x[1:3] == 0).all()
    assert found.gradient_norm.isnan().tolist() == [False, True, True, False]
    torch.testing.assert_close(found.x[[0, 3]], aim[[0, 3]], atol=1e-3, rtol=0)


@pytest.mark.parametrize("where", ["value", "gradient"])
def test_a_hole_on_the_way_is_stepped_back_from(where: str) -> None:
    """Not a number beyond 0.35; the first step leads there, the minimum is at 0.3."""
    aim = torch.full((2, 3), 0.3).double()

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        value, gradient = toward(aim)(x, rows)
        hole = (x > 0.35).any(1)
        if where == "value":
            return value.masked_fill(hole, -torch.inf), gradient
        return value, gradient.masked_fill(hole[:, None], torch.nan)

    found = minimize_by_pgd(fun, torch.zeros_like(aim), -1.0, 1.0, max_evaluations=300)
    torch.testing.assert_close(found.x, aim, atol=1e-3, rtol=0)
    assert found.value.isfinite().all()
    assert found.gradient_norm.isfinite().all()


def test_a_gradient_of_nothing_goes_nowhere() -> None:
    """Also where the radius is large: nothing is divided by nothing."""

    def flat(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        del rows
        return torch.ones(len(x)), torch.zeros_like(x)

    x0 = torch.zeros(2, 3)
    found = minimize_by_pgd(flat, x0, -1e3, 1e3, center=x0, radius=torch.tensor([1.0, 1e3]))
    assert found.x.equal(x0)
    assert (found.gradient_norm == 0).all()
    assert (found.status == Status.CONVERGED).all()


def test_no_rows_are_no_work_and_starts_are_left_as_they_were() -> None:
    found = minimize_by_pgd(rosenbrock, torch.zeros(0, 3), -1.0, 1.0)
    assert found.x.shape == (0, 3)
    assert len(found.value) == len(found.status) == 0
    x0 = torch.full((1, 2), 5.0).requires_grad_()
    found = minimize_by_pgd(rosenbrock, x0, -1.0, 1.0, max_evaluations=3)
    assert x0.tolist() == [[5.0, 5.0]]
    assert not found.x.requires_grad


@pytest.mark.parametrize(
    ("error", "message", "change"),
    [
        (ConfigError, "max_evaluations is 0, expected at least 1", {"max_evaluations": 0}),
        (ConfigError, "micro_batch is -2, expected at least 1", {"micro_batch": -2}),
        (
            ConfigError,
            "the region is infinite: give finite bounds or a ball of finite radius",
            {"upper": torch.inf},
        ),
        (
            ConfigError,
            "the region is infinite: give finite bounds or a ball of finite radius",
            {"center": torch.zeros(2), "radius": torch.inf},
        ),
        (ConfigError, "a lower bound is above its upper bound: swap them", {"lower": 2.0}),
        (ShapeError, "x0 has shape (2,), expected a matrix (rows, size)", {"x0": torch.zeros(2)}),
    ],
)
def test_what_makes_no_sense_is_refused(
    error: type[Exception], message: str, change: dict[str, object]
) -> None:
    given_as = {"x0": torch.zeros(1, 2), "lower": -1.0, "upper": 1.0, **change}
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        minimize_by_pgd(rosenbrock, **given_as)


def test_annealed_steps_leave_poor_minima_of_a_rippled_bowl() -> None:
    aim = torch.linspace(-1, 1, 6)

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        del rows
        away = x - aim
        ripples = 0.2 * (1 - torch.cos(20 * away))
        return (away.square() + ripples).sum(1), 2 * away + 4 * torch.sin(20 * away)

    starts = torch.rand(8, 6, generator=torch.Generator().manual_seed(0)) - 0.5
    ball = {"center": torch.zeros(8, 6), "radius": 3.0}
    plain, annealed = (
        minimize_by_pgd(fun, starts, -3.0, 3.0, **ball, max_evaluations=100, annealed=a)
        for a in (False, True)
    )
    assert annealed.value.mean() < 0.75 * plain.value.mean()
    assert annealed.evaluations.tolist() == [100] * 8
    assert annealed.status.tolist() == [Status.EVALUATION_LIMIT] * 8


def test_annealed_steps_keep_the_best_point_inside_the_ball() -> None:
    seen = []

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        del rows
        value = (x - 3).square().sum(1)
        seen.append(value)
        return value, 2 * (x - 3)

    center = torch.zeros(2, 4)
    found = minimize_by_pgd(
        fun, center, -1.0, 1.0, center=center, radius=1.0, max_evaluations=9, annealed=True
    )
    torch.testing.assert_close(found.x.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(found.value, torch.stack(seen).amin(0))


def test_annealed_steps_of_a_row_that_is_never_finite() -> None:
    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        del rows
        return torch.full((len(x),), torch.nan), torch.full_like(x, torch.nan)

    found = minimize_by_pgd(fun, torch.zeros(1, 2), -1.0, 1.0, max_evaluations=3, annealed=True)
    assert found.status.tolist() == [Status.NOT_FINITE]
    assert found.x.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("annealed", [False, True])
def test_the_gradient_of_the_function_is_not_overwritten(annealed: bool) -> None:
    """A linear function may return one stored gradient for all rows, as an expanded view."""
    direction = torch.tensor([1.0, -2.0])

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        del rows
        values = (x @ direction).where(x[:, 0] > -0.9, torch.nan)
        return values, direction.expand(len(x), 2)

    options = {"max_evaluations": 20, "annealed": annealed}
    found = minimize_by_pgd(fun, torch.zeros(3, 2), -1.0, 1.0, **options)
    assert direction.tolist() == [1, -2]
    assert found.value.isfinite().all()
