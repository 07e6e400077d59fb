"""The line search that goes on where it is steep, and the ends a row's descent can come to."""

import pytest
import torch
from torch import Tensor

from seatbelt_vae.optim import Minimum, Status, descent, minimize
from tests.optim.problems import quadratic, random_problems, rosenbrock


def trough(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """½·10⁴y² − x: what the memory learns of y says that steps are 10⁻⁴ long, in x too."""
    del rows
    value = 5e3 * x[:, 1].square() - x[:, 0]
    return value, torch.stack([-torch.ones_like(value), 1e4 * x[:, 1]], dim=1)


def weak_well(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """−1/(1 + ‖x‖²): far away a step along the gradient is 10⁻⁷ long, and nothing curves up."""
    del rows
    one = 1 + x.square().sum(1)
    return -1 / one, 2 * x / one.square()[:, None]


def straight(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """A slope of 10⁻³ to the far bound."""
    del rows
    return 1e-3 * x.sum(1), torch.full_like(x, 1e-3)


@pytest.mark.parametrize(
    ("fun", "start", "least", "most"),
    [
        (trough, [0.0, 1.0], -100.0, 20),
        (weak_well, [90.0, 0.0], -1.0, 45),
        (straight, [90.0, 90.0], -0.2, 12),
    ],
)
def test_steps_that_are_far_too_short_cost_few_evaluations(
    fun: descent.Function, start: list[float], least: float, most: int
) -> None:
    x0 = torch.tensor([start], dtype=torch.float64)
    found = minimize(fun, x0, -100.0, 100.0, relative_fall=0.0, max_evaluations=500)
    assert found.value.item() == pytest.approx(least, rel=1e-6)
    assert found.evaluations.item() <= most


def test_a_row_goes_on_nine_times_as_far_and_no_longer_than_it_is_steep() -> None:
    """f = −x to a kink at 300, then 10x: steps of 1, 9 and 81 on, one too far, then back."""
    seen: list[float] = []

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        del rows
        seen.extend(x[:, 0].tolist())
        above = (x - 300).clamp(min=0)
        return (11 * above - x).sum(1), 11 * (x > 300).to(x) - 1

    found = minimize(fun, torch.zeros(1, 1).double(), -1e6, 1e6, max_evaluations=5)
    assert seen == pytest.approx([0, 1, 10, 91, 820])
    assert found.x.item() == pytest.approx(91)


def test_a_step_that_ends_less_steep_is_followed_by_a_new_direction() -> None:
    """½h‖x − a‖²: at 0.89 of the slope the memory is asked, and knows; at 0.91 the row goes on."""
    for curvature, asked in ((0.11, 3), (0.09, 4)):

        def fun(x: Tensor, rows: Tensor, h: float = curvature) -> tuple[Tensor, Tensor]:
            del rows
            return 0.5 * h * (x - 1 / h).square().sum(1), h * (x - 1 / h)

        found = minimize(fun, torch.zeros(1, 1).double(), -99.0, 99.0, gradient_tolerance=1e-12)
        assert found.status.item() == Status.STATIONARY
        assert found.evaluations.item() == asked


def test_negligible_falls_end_each_row_at_its_own() -> None:
    """Rows with one problem and one start; each stops when ten steps lower f by no more than so."""
    negligible = torch.tensor([0.0, 1e-3, 0.1, 2.0, 1e6], dtype=torch.float64)
    x0 = torch.tensor([[-1.2, 1.0, -1.0, 0.7, 0.0]], dtype=torch.float64).repeat(5, 1)

    def end(amount: float | Tensor, **settings: int) -> Minimum:
        return minimize(rosenbrock, x0, -2.0, 2.0, relative_fall=0.0, negligible=amount, **settings)

    found = end(negligible)
    asked = found.evaluations.tolist()
    assert asked == sorted(asked, reverse=True)
    assert len(set(asked)) == 5
    assert found.iterations[-1] == 10
    assert (found.value.diff() > 0).sum() >= 3
    queued = end(negligible, micro_batch=2)
    assert queued.evaluations.tolist() == asked
    for row, amount in enumerate(negligible.tolist()):
        alone = end(amount)
        assert alone.x.equal(found.x[row].expand_as(alone.x))
        assert (alone.evaluations == asked[row]).all()
    assert (found.status[1:] == Status.CONVERGED).all()


def test_negligible_adds_to_the_share_of_the_fall() -> None:
    a, b = random_problems(1, 8, 6)
    x0 = torch.zeros(1, 6, dtype=torch.float64)
    ends = [
        minimize(quadratic(a, b), x0, -3.0, 3.0, window=2, relative_fall=share, negligible=amount)
        for share, amount in ((0.0, 0.0), (1e-3, 0.0), (1e-3, 0.3), (0.0, 0.3))
    ]
    exact, shared, both, absolute = (int(found.evaluations) for found in ends)
    assert both <= min(shared, absolute)
    assert max(shared, absolute) < exact


@pytest.mark.parametrize("limit", [1, 3, 10, 25])
def test_rosenbrock_at_a_limit_reports_it(limit: int) -> None:
    x0 = torch.tensor([[-1.2, 1.0], [0.0, 0.0]], dtype=torch.float64)
    found = minimize(rosenbrock, x0, -2.0, 2.0, relative_fall=0.0, max_evaluations=limit)
    assert (found.status == Status.EVALUATION_LIMIT).all()
    assert (found.evaluations == limit).all()
    assert found.value.equal(rosenbrock(found.x, torch.arange(2))[0])


@pytest.mark.parametrize("ball", [True, False])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_at_the_start_or_on_the_way(bad: float, ball: bool) -> None:
    """Row 1 at its start; row 2 in its second to fourth evaluation; the others never."""
    aim = torch.full((4, 2), 3.0, dtype=torch.float64)
    asked = torch.zeros(4, dtype=torch.long)

    def fun(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        asked[rows] += 1
        away = x - aim[rows]
        broken = (rows == 1) | ((rows == 2) & (asked[rows] >= 2) & (asked[rows] <= 4))
        scale = torch.tensor([1.0, 30.0], dtype=x.dtype)
        value = 0.5 * (scale * away.square()).sum(1)
        return value.masked_fill(broken, bad), (scale * away).masked_fill(broken[:, None], bad)

    x0 = torch.zeros(4, 2, dtype=torch.float64)
    extra = {"center": x0, "radius": 5.0} if ball else {}
    found = minimize(fun, x0, -9.0, 9.0, relative_fall=1e-15, **extra)
    assert found.status[1] == Status.NOT_FINITE
    assert found.evaluations[1] == 1
    assert found.x[1].equal(x0[1])
    assert found.gradient_norm[1].isnan()
    others = [0, 2, 3]
    assert not (found.status[others] == Status.NOT_FINITE).any()
    torch.testing.assert_close(found.x[others], aim[others], atol=1e-6, rtol=0)
    assert found.value[others].isfinite().all()
    assert found.x[0].equal(found.x[3])
