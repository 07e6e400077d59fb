"""The grids of λ and ε, pair by pair, against powers of two and shares written out."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from seatbelt_vae.attacks import LatentLoss, OutputLoss, Problem, ReconstructionDamage
from seatbelt_vae.attacks.levels import levels_of
from seatbelt_vae.attacks.threats import threat_of
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ConfigError
from tests.attacks.chain import Chain, generators, pictures


def levels(config, loss=None, targets=None):
    x = pictures(3)
    target = pictures(3, 2) if targets is None else targets
    loss = loss or LatentLoss((1, 2))
    problem = Problem.of(Chain(3, 2), loss, x, target, generators(3), threat=threat_of(config))
    found = levels_of(config, problem)
    assert found.dtype == torch.float64
    assert (found.diff(dim=1) > 0).all()
    return problem, found


def distances(problem, order=2):
    return np.linalg.norm((problem.target - problem.x).numpy(), order, axis=1)[:, None]


@pytest.mark.parametrize(("threat", "power"), [("penalty", 1), ("squared-penalty", 2)])
@pytest.mark.parametrize("loss", [LatentLoss((1, 2)), OutputLoss(draws=2)], ids=str)
def test_relative_weights_are_powers_of_two_of_what_an_attack_could_gain(loss, threat, power):
    problem, found = levels(AttackConfig(threat=threat), loss)
    gain = (problem.divergence_start - problem.loss.floor).numpy()[:, None]
    expected = gain / distances(problem) ** power * 2.0 ** (np.arange(-20, 9) / 2)
    assert_allclose(found, expected)


def test_published_weights_are_the_same_for_all_pairs():
    _, found = levels(AttackConfig(weights="published"))
    assert_allclose(found, np.tile(2.0 ** (40 * np.arange(50) / 49 - 20), (3, 1)))


@pytest.mark.parametrize("weights", ["relative", "published"])
def test_chosen_levels_replace_the_grid_and_may_start_at_zero(weights):
    problem, found = levels(AttackConfig(weights=weights, levels=(0.0, 0.3, 2.0)))
    unit = problem.level_unit[:, None] if weights == "relative" else torch.ones(3, 1)
    assert_allclose(found, unit * torch.tensor([[0.0, 0.3, 2.0]], dtype=torch.float64))


@pytest.mark.parametrize(
    ("weights", "ends"), [("relative", (2**-10, 2**4)), ("published", (2**-20, 2**20))]
)
def test_a_count_keeps_the_ends_of_a_grid(weights, ends):
    problem, found = levels(AttackConfig(weights=weights, weight_count=3))
    unit = problem.level_unit[:, None] if weights == "relative" else torch.ones(3, 1)
    middle = np.sqrt(ends[0] * ends[1])
    assert_allclose(found / unit, np.tile([ends[0], middle, ends[1]], (3, 1)))


def test_budgets_of_length_are_shares_of_the_distance_to_the_target():
    problem, found = levels(AttackConfig(threat="l2"))
    assert_allclose(found, distances(problem) * [[0.05, 0.1, 0.2, 0.3, 0.5]])


def test_budgets_of_length_are_absolute_without_a_target():
    config = AttackConfig("damage-reconstruction", threat="l2", budgets=(0.25, 1.0))
    _, found = levels(config, ReconstructionDamage(), pictures(3))
    assert found.tolist() == [[0.25, 1]] * 3


@pytest.mark.parametrize(
    ("budgets", "expected"),
    [(None, [0.04, 0.08, 0.2, 0.4, 0.8]), ((0.125, 0.25), [0.5, 1.0])],
)
def test_budgets_of_largest_change_are_shares_of_the_pixels_range(budgets, expected):
    config = AttackConfig("damage-reconstruction", threat="linf", budgets=budgets)
    _, found = levels(config, ReconstructionDamage())
    assert_allclose(found, [expected] * 3)


def test_relative_weights_of_a_loss_without_a_floor_are_refused():
    text = (
        "^relative weights for a loss without a floor: give the "
        "loss a floor, or use published weights or a budget$"
    )
    with pytest.raises(ConfigError, match=text):
        levels(AttackConfig(), ReconstructionDamage())


def test_published_weights_need_no_floor():
    _, found = levels(AttackConfig(weights="published", weight_count=2), ReconstructionDamage())
    assert_allclose(found, [[2**-20, 2**20]] * 3)
