"""What a penalty adds and what a budget allows, against numbers worked out by hand."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from seatbelt_vae.attacks.threats import Budget, Norms, Penalty, threat_of
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.protocol import Bounds

F64 = torch.float64
DISTORTION = torch.tensor([[3.0, -4.0, 0.0], [0.0, 0.0, -0.5], [0.0, 0.0, 0.0]], dtype=F64)
LEVELS = torch.tensor([2.0, 6.0, 100.0], dtype=F64)


def norms():
    return Norms.of(DISTORTION)


def test_norms_are_the_length_and_the_largest_change_in_double_precision():
    found = Norms.of(DISTORTION.float())
    assert found.l2.tolist() == [5, 0.5, 0]
    assert found.linf.tolist() == [4, 0.5, 0]
    assert found.l2.dtype == found.linf.dtype == F64
    chosen = found[torch.tensor([True, False, True])]
    assert (chosen.l2.tolist(), chosen.linf.tolist()) == ([5, 0], [4, 0])


@pytest.mark.parametrize(
    ("threat", "expected"),
    [
        (Penalty(), [[10, 1, 0], [30, 3, 0]]),
        (Penalty(2), [[50, 0.5, 0], [150, 1.5, 0]]),
        (Budget("l2"), [[np.inf, 0, 0], [0, 0, 0]]),
        (Budget("linf"), [[np.inf, 0, 0], [0, 0, 0]]),
    ],
)
def test_cost_of_every_distortion_under_every_level(threat, expected):
    assert_allclose(threat.cost(norms(), LEVELS[:2, None]), expected)


@pytest.mark.parametrize(("norm", "size"), [("l2", 5.0), ("linf", 4.0)])
def test_a_budget_is_kept_to_rounding(norm, size):
    levels = size * torch.tensor([1 - 2e-6, 1 - 5e-7, 1, 1.1], dtype=F64)
    assert Budget(norm).cost(norms()[:1], levels).tolist() == [np.inf, 0, 0, 0]


@pytest.mark.parametrize("power", [1, 2])
def test_a_penalty_adds_its_cost_and_its_gradient(power):
    distortion = DISTORTION[:2].clone().requires_grad_()
    cost = LEVELS[:2] * distortion.square().sum(1) ** (power / 2)
    (pull,) = torch.autograd.grad(cost.sum(), distortion)
    value, gradient = torch.tensor([7.0, -1.0], dtype=F64), torch.ones(2, 3, dtype=F64)
    found = Penalty(power).add_to(value, gradient.clone(), DISTORTION[:2], LEVELS[:2])
    torch.testing.assert_close(found[0], value + cost.detach())
    torch.testing.assert_close(found[1], gradient + pull)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("power", [1, 2])
def test_a_penalty_pulls_nowhere_at_the_input_whatever_its_weight(power, dtype):
    weights = 2 ** torch.linspace(-20, 20, 9, dtype=F64)
    value, gradient = torch.arange(9, dtype=dtype), torch.ones(9, 3, dtype=dtype)
    found = Penalty(power).add_to(value, gradient.clone(), torch.zeros(9, 3, dtype=dtype), weights)
    assert found[0].equal(value)
    assert found[1].equal(gradient)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_budget_adds_nothing(norm):
    value, gradient = LEVELS.clone(), DISTORTION + 1
    found = Budget(norm).add_to(value, gradient, DISTORTION, LEVELS)
    assert found[0].equal(LEVELS)
    assert found[1].equal(DISTORTION + 1)


@pytest.mark.parametrize(
    ("threat", "expected"),
    [
        (Penalty(), [[1, 1, 1], [1, 1, 1]]),
        (Penalty(2), [[1, 1, 1], [1, 1, 1]]),
        (Budget("l2"), [[0.4, 1, 1], [1, 1, 1]]),
        (Budget("linf"), [[0.5, 1, 1], [1, 1, 1]]),
    ],
)
def test_share_shortens_what_is_too_long_and_nothing_else(threat, expected):
    assert_allclose(threat.share(norms(), LEVELS[:2, None]), expected)


@pytest.mark.parametrize(
    ("threat", "expected"),
    [
        (Penalty(), [2.0, 60.0]),
        (Penalty(2), [0.4, 120.0]),
        (Budget("l2"), [5.0, 0.5]),
        (Budget("linf"), [7.0, 7.0]),
    ],
)
def test_unit_is_what_a_relative_level_of_one_means(threat, expected):
    span = torch.tensor([10.0, 30.0], dtype=F64)
    assert_allclose(threat.unit(span, norms()[:2], Bounds(-3.0, 4.0)), expected)


def test_the_unit_of_a_budget_without_a_target_is_one():
    nan = torch.tensor([torch.nan], dtype=F64)
    assert Budget("l2").unit(nan, norms()[2:], Bounds(0.0, 3.0)).tolist() == [1]
    assert Budget("linf").unit(nan, norms()[2:], Bounds(0.0, 3.0)).tolist() == [3]


@pytest.mark.parametrize(
    ("threat", "expected"),
    [
        (Penalty(), [5, 5, 5]),
        (Penalty(2), [5, 5, 5]),
        (Budget("l2"), [2, 6, 100]),
        (Budget("linf"), [8, 24, 400]),
    ],
)
def test_reach_is_how_long_distortions_may_get(threat, expected):
    assert_allclose(threat.start_radius(norms()[0], LEVELS, 16), expected)


X = torch.tensor([[0.9, -0.5, 0.0], [-1.0, 1.0, 0.2]], dtype=F64)


@pytest.mark.parametrize("power", [1, 2])
def test_a_penalty_leaves_the_whole_box(power):
    region = Penalty(power).region(X, LEVELS[:2], (-1.0, 1.0))
    assert region == {"lower": -1.0, "upper": 1.0}


def test_a_budget_of_length_is_a_ball_around_each_input_in_the_box():
    region = Budget("l2").region(X.float(), LEVELS[:2], (-1.0, 1.0))
    assert (region["lower"], region["upper"]) == (-1, 1)
    assert region["center"].equal(X.float())
    assert region["radius"].tolist() == [2, 6]
    assert region["radius"].dtype == torch.float32


def test_a_budget_of_largest_change_is_a_smaller_box_around_each_input():
    levels = torch.tensor([0.25, 0.5], dtype=F64)
    region = Budget("linf").region(X, levels, (-1.0, 1.0))
    assert set(region) == {"lower", "upper"}
    assert_allclose(region["lower"], [[0.65, -0.75, -0.25], [-1, 0.5, -0.3]])
    assert_allclose(region["upper"], [[1, -0.25, 0.25], [-0.5, 1, 0.7]])


@pytest.mark.parametrize(
    ("name", "threat"),
    [
        ("penalty", Penalty(1)),
        ("squared-penalty", Penalty(2)),
        ("l2", Budget("l2")),
        ("linf", Budget("linf")),
    ],
)
def test_the_threat_that_settings_mean(name, threat):
    assert threat_of(AttackConfig(threat=name)) == threat


@pytest.mark.parametrize(("bounds", "level"), [((-1.0, 1.0), 0.008), ((0.0, 1.0), 0.01)])
def test_no_corner_of_a_budget_is_rounded_out_of_it(bounds, level):
    low, high = bounds
    x = low + (high - low) * torch.arange(256, dtype=torch.float32)[None] / 255
    region = Budget("linf").region(x, torch.tensor([level], dtype=F64), bounds)
    for corner in region.values():
        change = Norms.of(corner - x)
        assert Budget("linf").cost(change, torch.tensor([level], dtype=F64)).tolist() == [0]
    assert float((region["upper"] - x).max()) == pytest.approx(level, rel=1e-4)
