"""Each goal of an attacker is what its loss states, also where codes have several layers."""

import pytest
import torch

from seatbelt_vae.attacks.prepare import prepare
from seatbelt_vae.auditing.goals import GOALS, Goal, outputs
from seatbelt_vae.auditing.portfolio import PortfolioAttack
from seatbelt_vae.config import AuditConfig
from seatbelt_vae.subjects import wrap
from tests.auditing.acceptance_models import top_down
from tests.auditing.small_models import images

KEYS = [(0, 0), (0, 1)]


@pytest.fixture(scope="module")
def attack() -> PortfolioAttack:
    """Two pairs and a model of two layers."""
    model = wrap(top_down(), (1, 8, 8), order="top-down")
    x = images().train.batch(torch.arange(4).numpy())
    prepared, x, target = prepare(model, x[:2], x[2:], targeted=True)
    assert target is not None
    return PortfolioAttack(prepared, x, target, "l2", (0.2,), AuditConfig(), KEYS)


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.name)
def test_the_loss_of_a_goal_is_its_distance(goal: Goal, attack: PortfolioAttack) -> None:
    assert len(attack.model.latent_sizes) == 2
    points = attack.x + 0.1 * torch.linspace(-1, 1, 64).view(1, 8, 8)
    pairs = torch.arange(2)
    codes, reconstructions = outputs(attack.model, points)
    expected = goal.distance(attack.found.pairs, pairs, codes, reconstructions)
    values = attack.problem(goal.loss).parts(points.flatten(1), pairs).sum(1)
    sign = 1 if goal.lowers else -1
    torch.testing.assert_close(sign * values.double(), expected, rtol=1e-5, atol=1e-6)
