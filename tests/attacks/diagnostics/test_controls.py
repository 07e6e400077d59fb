"""Controls beside an attack: noise of its own size, search by values alone, a sibling's images."""

from dataclasses import replace

import pytest
import torch

from seatbelt_vae.attacks import attack
from seatbelt_vae.attacks.diagnostics.controls import (
    controlled,
    gradient_free_points,
    matched_noise,
)
from seatbelt_vae.config import AttackConfig
from tests.attacks.models import Linear, MaskedGradient, TwoLayers, images

CONFIG = AttackConfig(weight_count=5, restarts=0, recheck=0, max_evaluations=20, gradient_free=60)
KEYS = [(0, 0), (0, 1)]


def attacked(model, low=-5.0, high=5.0, config=CONFIG):
    model.bounds = (low, high)
    sides = [torch.stack(side) for side in zip(images(1), images(2), strict=True)]
    x, target = (side.clamp(low, high) for side in sides)
    return attack(model, x, target, config)


def generators(first=0):
    return [torch.Generator().manual_seed(first + k) for k in range(2)]


@pytest.mark.parametrize("bounds", [(-5.0, 5.0), (-0.5, 0.5)])
@pytest.mark.parametrize("threat", ["penalty", "l2", "linf"])
def test_noise_is_never_larger_than_the_attack(threat, bounds):
    config = CONFIG if threat == "penalty" else replace(CONFIG, threat=threat, weight_count=None)
    result = attacked(Linear(), *bounds, config=config)
    points = matched_noise(result, generators()).view(2, 5, -1, 16)
    distortion = points - result.problem.x[:, None, None]
    sizes = distortion.norm(dim=3) if threat != "linf" else distortion.abs().amax(3)
    allowed = result.norms.linf if threat == "linf" else result.norms.l2
    assert (sizes <= allowed[..., None] * (1 + 1e-9)).all()
    assert ((points >= bounds[0]) & (points <= bounds[1])).all()
    if bounds == (-5.0, 5.0):
        torch.testing.assert_close(sizes, allowed[..., None].expand_as(sizes))
    elif threat == "penalty":
        assert (sizes < 0.99 * allowed[..., None]).any()


def test_noise_points_in_many_directions():
    result = attacked(Linear())
    one, same, other = (matched_noise(result, generators(seed)) for seed in (0, 0, 7))
    assert torch.equal(one, same)
    moved = (result.norms.l2 > 0).repeat_interleave(8, dim=1)
    assert not (one == other).all(2)[moved].any()
    assert torch.equal(one[~moved], other[~moved])
    assert not torch.equal(one[0] - result.problem.x[0], one[1] - result.problem.x[1])


def test_gradient_free_search_unmasks_a_hidden_gradient():
    hidden = attacked(MaskedGradient())
    found = controlled(hidden, CONFIG, KEYS)
    assert found.beats("gradient_free").any(1).all()
    assert (found.result.delta <= hidden.delta).all()
    assert "gradient-free" in found.result.start[0]
    sound = attacked(Linear(), config=replace(CONFIG, max_evaluations=200))
    assert not controlled(sound, CONFIG, KEYS).beats("gradient_free").any()


@pytest.mark.parametrize("threat", ["penalty", "l2", "linf"])
def test_gradient_free_search_keeps_to_what_the_threat_allows(threat):
    config = CONFIG if threat == "penalty" else replace(CONFIG, threat=threat, weight_count=None)
    hidden = attacked(MaskedGradient(), -1.5, 1.5, config=config)
    points = gradient_free_points(hidden, 40, KEYS)
    assert points.shape == (2, 3, 16)
    assert (points.abs() <= 1.5).all()
    _, delta = hidden.with_points(points, "found")
    assert (delta[:, [1, 2, 3]] <= hidden.delta[:, [1, 2, 3]] + 1e-9).all()


def test_what_each_control_reached_is_told_row_by_row():
    result = attacked(TwoLayers())
    beside = controlled(result, CONFIG, KEYS)
    assert beside.attack is result
    for pair in range(2):
        for k, row in enumerate(beside.rows(pair)):
            assert row["delta_attack"] == float(result.delta[pair, k])
            assert row["delta"] == float(beside.result.delta[pair, k])
            assert row["delta_noise"] == float(beside.delta["noise"][pair, k])
            assert row["delta_transfer"] is None
            assert row["transfer_beats"] is None
            assert row["noise_beats"] == bool(beside.beats("noise")[pair, k])


def test_beating_takes_more_than_a_hundredth():
    result = attacked(Linear())
    beside = controlled(result, CONFIG, KEYS)
    for share, beats in ((0.995, False), (0.98, True)):
        other = replace(beside, delta={"noise": share * result.delta})
        moved = result.delta > 1e-3 * result.problem.span[:, None]
        assert (other.beats("noise")[moved] == beats).all()


def test_a_siblings_images_are_tried():
    weak = attacked(TwoLayers(), config=replace(CONFIG, strength="single", max_evaluations=2))
    strong = attacked(TwoLayers(), config=replace(CONFIG, max_evaluations=200))
    beside = controlled(weak, CONFIG, KEYS, [("transfer", strong.points)])
    torch.testing.assert_close(beside.delta["transfer"], strong.delta)
    assert beside.beats("transfer").any()
    # equal, but for rounding in batches of another size
    assert (beside.result.delta <= strong.delta * (1 + 1e-12)).all()


@pytest.mark.parametrize("settings", [{"gradient_free": 0}, {"strength": "single"}])
def test_gradient_free_search_can_be_left_out(settings):
    config = replace(CONFIG, **settings)
    beside = controlled(attacked(Linear(), config=config), config, KEYS)
    assert set(beside.delta) == {"noise"}


def test_rounding_makes_no_control_better():
    """Every control offers the attack's own points, evaluated in another batch."""
    result = attacked(Linear())
    nudged = replace(result, parts=result.parts * (1 + 1e-9))
    again, _ = nudged.with_points(result.points, "transfer")
    assert again.start == result.start
    assert again.status == result.status
    better, _ = replace(result, parts=result.parts * 1.01).with_points(result.points, "transfer")
    assert "transfer" in better.start[0]


def test_the_input_is_no_better_than_itself():
    """Noise of no size is the input, whose loss another batch rounds to less."""
    result = attacked(Linear())
    problem = result.problem
    lower = replace(problem, parts_start=problem.parts_start * (1 + 1e-5))
    moved = replace(result, problem=lower, parts=lower.parts_start[:, None].expand_as(result.parts))
    still = replace(moved, points=problem.x[:, None].expand_as(result.points))
    still = replace(still, norms=type(result.norms)(*(torch.zeros_like(result.levels),) * 2))
    again, delta = still.with_points(problem.x[:, None], "random noise")
    assert again.start == still.start
    torch.testing.assert_close(delta, still.delta, rtol=0, atol=0)


def test_the_published_attack_is_reported_as_it_is():
    config = replace(CONFIG, strength="paper", weights="published", max_evaluations=1)
    result = attacked(Linear(), config=replace(config, strength="single"))
    beside = controlled(
        result, config, KEYS, others=[("transfer", images(2)[0].flatten(1)[:, None])]
    )
    assert beside.beats("transfer").any()
    assert beside.result is result
    assert controlled(result, replace(config, strength="single"), KEYS).result is not result


def test_how_the_attack_ended_is_told_beside_what_a_control_found():
    result = attacked(MaskedGradient(), config=replace(CONFIG, gradient_free=400))
    beside = controlled(result, replace(CONFIG, gradient_free=400), KEYS)
    rows = beside.rows(0)
    assert "control" in {row["status"] for row in rows}
    assert [row["status_attack"] for row in rows] == result.status[0]
