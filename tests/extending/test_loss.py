"""A loss outside the package is given by its reference."""

import torch

from seatbelt_vae import AttackConfig, attack
from tests.attacks.models import Linear


def test_an_attack_with_a_loss_outside_the_package():
    model = Linear()
    x, target = torch.rand(2, 2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    settings = AttackConfig("tests.extending.own_loss:loss", threat="l2", recheck=0)
    found = attack(model, x, target, settings)
    for pair in range(2):
        fooled = model.encode(found.adversarial[pair]).z[0][:, 0]
        aimed = model.encode(target[pair : pair + 1]).z[0][:, 0]
        torch.testing.assert_close(
            found.divergence[pair], (fooled - aimed).abs().double(), rtol=1e-5, atol=1e-5
        )
    assert (found.divergence[:, -1] < 0.01 * found.problem.divergence_start).all()
