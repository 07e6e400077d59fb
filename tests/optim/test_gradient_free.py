"""Search by values alone: known projections, steps without gradient, and its promises by row."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.optim import Minimum, Status
from seatbelt_vae.optim.gradient_free import minimize_gradient_free
from seatbelt_vae.optim.region import region_of

Values = Callable[[Tensor, Tensor], Tensor]


def generators(rows: int, seed: int = 0) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(1000 * seed + row) for row in range(rows)]


def normal(*shape: int, seed: int = 0) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=draws, dtype=torch.float64)


def toward(aim: Tensor) -> Values:
    """½‖x − a_r‖², least in a convex region at the projection of a_r."""
    return lambda x, rows: 0.5 * (x - aim[rows]).square().sum(1)


def staircase(target: Tensor, seed: int = 0) -> Values:
    """‖round(4Wx) − round(4Wt)‖², W smooth over an image: constant almost everywhere."""
    side = int(target.shape[1] ** 0.5)
    waves = torch.cos(torch.arange(5)[:, None] * torch.pi * (torch.arange(side) + 0.5) / side)
    basis = torch.einsum("ai,bj->abij", waves, waves).flatten(2).flatten(0, 1).double() / side
    mixed = torch.linalg.qr(normal(25, 25, seed=seed))[0] @ basis
    aim = (4 * target @ mixed.T).round()

    def fun(x: Tensor, rows: Tensor) -> Tensor:
        code = 4 * (x[:, None] * mixed).sum(2)
        return (code.round() - aim[rows]).square().sum(1)

    return fun


def images(rows: int, side: int, seed: int) -> Tensor:
    """Smooth bumps, one an image, in [-1, 1]."""
    grid = torch.linspace(-1, 1, side, dtype=torch.float64)
    middle = 0.5 * normal(rows, 2, seed=seed).clamp(-1.5, 1.5)
    down, across = (torch.exp(-6 * (grid - m[:, None]).square()) for m in middle.unbind(1))
    return 2 * (down[:, :, None] * across[:, None]).flatten(1) - 1


def assert_same_rows(some: Minimum, others: Minimum, rows: list[int] | slice) -> None:
    for name in ("x", "value", "status", "evaluations", "iterations"):
        assert getattr(some, name).equal(getattr(others, name)[rows]), name


@pytest.mark.parametrize("ball", [True, False])
def test_the_projection_of_a_point_outside_is_found(ball: bool) -> None:
    rows, size = 8, 6
    aim, center = 2 * normal(rows, size), 0.3 * normal(rows, size, seed=1).clamp(-1, 1)
    radius = torch.linspace(0.5, 2.5, rows, dtype=torch.float64)
    extra = {"center": center, "radius": radius} if ball else {}
    found = minimize_gradient_free(
        toward(aim), center, -1.0, 1.0, generators=generators(rows), evaluations=2000, **extra
    )
    best = region_of(aim, -1.0, 1.0, **extra).project(aim)
    everyone = torch.arange(rows)
    least, start = toward(aim)(best, everyone), toward(aim)(center, everyone)
    assert ((found.value - least) <= 0.01 * (start - least)).all()
    assert found.value.equal(toward(aim)(found.x, everyone))


def test_an_image_is_approached_in_hundreds_of_evaluations() -> None:
    """4,096 pixels, of which every single one counts: far beyond random directions' reach."""
    aim = images(4, 64, seed=2)
    settings = {"evaluations": 500, "image_shape": (1, 64, 64)}
    x0 = torch.zeros_like(aim)
    found = minimize_gradient_free(toward(aim), x0, -1.0, 1.0, generators=generators(4), **settings)
    assert (found.value <= 0.15 * toward(aim)(x0, torch.arange(4))).all()


def test_colours_are_found() -> None:
    """One colour all over each image, a third of it in each channel."""
    aim = torch.tensor([[0.7, -0.5, 0.2], [-0.9, 0.9, 0.0]]).repeat_interleave(256, 1).double()
    x0 = torch.zeros_like(aim)
    found = minimize_gradient_free(
        toward(aim),
        x0,
        -1.0,
        1.0,
        generators=generators(2),
        evaluations=800,
        image_shape=(3, 16, 16),
    )
    assert (found.value <= 0.2 * toward(aim)(x0, torch.arange(2))).all()


@pytest.mark.parametrize("ball", [True, False])
def test_steps_without_any_gradient_are_descended(ball: bool) -> None:
    """To a code like the target's; in a ball, from its center to what the blend reaches."""
    x, target = images(6, 32, seed=3), images(6, 32, seed=4)
    fun, everyone = staircase(target), torch.arange(6)
    away = (target - x).norm(dim=1)
    extra = {"center": x, "radius": 0.4 * away} if ball else {}
    blend = torch.lerp(x, target, 0.4)
    start = x if ball else blend
    found = minimize_gradient_free(
        fun,
        start,
        -1.0,
        1.0,
        generators=generators(6),
        anchors=torch.stack([x, target], dim=1),
        evaluations=600,
        image_shape=(1, 32, 32),
        **extra,
    )
    begun, least = fun(start, everyone), fun(blend, everyone) if ball else torch.zeros(6)
    assert (found.value - least <= 0.3 * (begun - least)).all()


def test_anchors_bring_a_checkerboard_that_no_wave_has() -> None:
    """Half of the image is wanted as in one anchor and half as in the other."""
    one, other = normal(2, 256, seed=5).sign(), normal(2, 256, seed=6).sign()
    aim = torch.cat([one[:, :128], other[:, 128:]], dim=1)
    settings = {"evaluations": 400, "image_shape": (1, 16, 16)}

    def reached(anchors: Tensor | None) -> Tensor:
        return minimize_gradient_free(
            toward(aim), one, -1.0, 1.0, generators=generators(2), anchors=anchors, **settings
        ).value

    helped, alone = reached(torch.stack([one, other], dim=1)), reached(None)
    assert (helped <= 0.25 * toward(aim)(one, torch.arange(2))).all()
    assert (helped <= 0.5 * alone).all()


@pytest.mark.parametrize("ball", [True, False])
@pytest.mark.parametrize("places", [1, 3, 50])
def test_a_row_depends_on_its_generator_alone(places: int, ball: bool) -> None:
    aim, center = 2 * normal(7, 12), 0.3 * normal(7, 12, seed=1).clamp(-1, 1)
    anchors = normal(7, 2, 12, seed=2).clamp(-1, 1)
    radius = torch.linspace(0.2, 2, 7, dtype=torch.float64)
    settings = {"evaluations": 120, "image_shape": (1, 3, 4)}
    sizes = []

    def fun(x: Tensor, rows: Tensor) -> Tensor:
        sizes.append(len(x))
        return toward(aim)(x, rows)

    def search(of: list[int], seed: int = 0, micro_batch: int | None = None) -> Minimum:
        extra = {"center": center[of], "radius": radius[of]} if ball else {}
        own = [generators(7, seed)[row] for row in of]
        return minimize_gradient_free(
            lambda x, rows: fun(x, torch.tensor(of)[rows]),
            center[of],
            -1.0,
            1.0,
            generators=own,
            anchors=anchors[of],
            micro_batch=micro_batch,
            **settings,
            **extra,
        )

    whole = search(list(range(7)))
    assert_same_rows(search([5, 2]), whole, [5, 2])
    sizes.clear()
    assert_same_rows(search(list(range(7)), micro_batch=places), whole, slice(None))
    assert max(sizes) == min(places, 7)
    assert (search(list(range(7)), seed=1).x != whole.x).any(1).all()


@pytest.mark.parametrize("ball", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_point_is_in_the_region_and_none_is_worse_than_the_last_best(
    ball: bool, dtype: torch.dtype
) -> None:
    """The aim is far outside; the starts are too, and are left as they were."""
    aim = 5 * normal(5, 16).to(dtype)
    center, radius = 0.5 * normal(5, 16, seed=1).clamp(-1, 1).to(dtype), torch.linspace(0, 2, 5)
    x0 = (center + 3).requires_grad_()
    extra = {"center": center, "radius": radius} if ball else {}
    seen, values = [], []

    def fun(x: Tensor, rows: Tensor) -> Tensor:
        seen.append(x.clone())
        values.append(toward(aim)(x, rows))
        return values[-1]

    found = minimize_gradient_free(
        fun, x0, -1.0, 1.0, generators=generators(5), evaluations=200, **extra
    )
    for x in seen:
        assert (x.abs() <= 1).all()
        if ball:
            assert ((x - center).double().norm(dim=1) <= radius.double()).all()
    assert found.x.dtype == dtype
    assert not found.x.requires_grad
    assert x0.equal(center + 3)
    all_values = torch.stack(values)
    assert found.value.equal(all_values.amin(0))
    records = (all_values[1:] < all_values.cummin(0).values[:-1]).sum(0)
    assert found.iterations.equal(records)
    assert found.value.equal(toward(aim)(found.x, torch.arange(5)))


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 40])
def test_evaluations_are_honoured_exactly(limit: int) -> None:
    asked = torch.zeros(3, dtype=torch.long)

    def fun(x: Tensor, rows: Tensor) -> Tensor:
        asked[rows] += 1
        return x.square().sum(1)

    found = minimize_gradient_free(
        fun, torch.ones(3, 4), -1.0, 1.0, generators=generators(3), evaluations=limit, micro_batch=2
    )
    assert (asked == limit).all()
    assert (found.evaluations == limit).all()
    assert (found.status == Status.EVALUATION_LIMIT).all()
    assert found.gradient_norm.isnan().all()


def test_a_line_is_walked_both_ways_and_twice_as_far_while_it_leads_down() -> None:
    seen: list[float] = []

    def fun(x: Tensor, rows: Tensor) -> Tensor:
        del rows
        seen.append(x.item())
        return -x.sum(1)

    minimize_gradient_free(
        fun, torch.zeros(1, 1).double(), -500.0, 500.0, generators=generators(1), evaluations=9
    )
    first = seen[1] if seen[1] > 0 else seen[2]
    if seen[1] < 0:
        assert seen[2] == -seen[1]
    onward = seen[1:] if seen[1] > 0 else seen[2:]
    assert onward[1] == pytest.approx(min(3 * first, 500))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_is_never_accepted(bad: float) -> None:
    """Row 1 always; row 2 at its start; row 3 where x₀ > 0.2; row 0 never."""
    aim = torch.full((4, 3), 0.5).double()

    def fun(x: Tensor, rows: Tensor) -> Tensor:
        start = (rows == 2) & (x == 0).all(1)
        hole = (rows == 3) & (x[:, 0] > 0.2)
        return toward(aim)(x, rows).masked_fill((rows == 1) | start | hole, bad)

    x0 = torch.zeros_like(aim)
    found = minimize_gradient_free(fun, x0, -1.0, 1.0, generators=generators(4), evaluations=400)
    limit, never = Status.EVALUATION_LIMIT, Status.NOT_FINITE
    assert found.status.tolist() == [limit, never, limit, limit]
    assert found.x[1].equal(x0[1])
    assert found.value[1] == torch.inf
    assert found.iterations[1] == 0
    assert (found.value[[0, 2]] < 1e-2).all()
    assert found.x[3, 0] <= 0.2
    assert found.value[3] < 0.06


def tried_distances(worse: float) -> list[float]:
    """How far from the start, the best there is, trials go in a ball of radius 1/2."""
    seen: list[float] = []

    def fun(x: Tensor, rows: Tensor) -> Tensor:
        del rows
        seen.append(x.abs().item())
        return worse * (x[:, 0] != 0).to(x)

    x0 = torch.zeros(1, 1, dtype=torch.float64)
    ball = {"center": x0, "radius": 0.5}
    minimize_gradient_free(fun, x0, -9.0, 9.0, generators=generators(1), evaluations=85, **ball)
    return seen[1:]


def test_steps_grow_on_a_plateau() -> None:
    """From a tenth of the radius, up to four times more or less, to all of it."""
    tried = tried_distances(worse=0.0)
    assert 0.0125 <= tried[0] == tried[1] <= 0.2
    assert 0.12 <= min(tried[-30:]) < 0.4
    assert max(tried[-30:]) == pytest.approx(0.5)


def test_steps_shrink_where_all_is_worse_and_begin_again_when_they_are_tiny() -> None:
    """0.8³¹ < 10⁻³: sixty-two trials."""
    tried = tried_distances(worse=1.0)
    assert 0.0125 <= tried[0] == tried[1] <= 0.2
    assert max(tried[40:62]) <= 0.05 * 4 * 0.8**20
    assert 0.0125 <= tried[64] <= 0.2


def test_no_rows_are_no_work() -> None:
    def fun(x: Tensor, rows: Tensor) -> Tensor:
        raise AssertionError(f"asked for {len(x)} points of {len(rows)} rows")

    found = minimize_gradient_free(fun, torch.zeros(0, 3), -1.0, 1.0, generators=[])
    assert found.x.shape == (0, 3)
    assert len(found.value) == len(found.status) == 0


@pytest.mark.parametrize(
    ("error", "message", "change"),
    [
        (ConfigError, "evaluations is 0, expected at least 1", {"evaluations": 0}),
        (ConfigError, "micro_batch is -2, expected at least 1", {"micro_batch": -2}),
        (
            ConfigError,
            "the region is infinite: give finite bounds or a ball of finite radius",
            {"upper": torch.inf},
        ),
        (ConfigError, "a lower bound is above its upper bound: swap them", {"lower": 2.0}),
        (ShapeError, "x0 has shape (2,), expected a matrix (rows, size)", {"x0": torch.zeros(2)}),
        (
            ShapeError,
            "got 2 generators for 1 rows: give one per row",
            {"generators": generators(2)},
        ),
        (
            ShapeError,
            "anchors have shape (1, 2), expected (1, A, 2)",
            {"anchors": torch.zeros(1, 2)},
        ),
        (
            ShapeError,
            "image_shape is (1, 2, 2), expected three sizes whose product is 2",
            {"image_shape": (1, 2, 2)},
        ),
    ],
)
def test_what_makes_no_sense_is_refused(
    error: type[Exception], message: str, change: dict[str, object]
) -> None:
    given_as = {
        "x0": torch.zeros(1, 2),
        "lower": -1.0,
        "upper": 1.0,
        "generators": generators(1),
        **change,
    }
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        minimize_gradient_free(toward(torch.zeros(1, 2)), **given_as)
