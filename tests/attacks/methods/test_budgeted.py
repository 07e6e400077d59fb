"""The budgeted attack on a linear model, where the smallest gap within a ball is known."""

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from seatbelt_vae.attacks import budgeted_attack
from tests.attacks.models import DetachedGradient, Linear, images


def smallest(model, x, target, radius):
    """min ‖WA(x + d) − WA x_t‖ over ‖d‖ ≤ radius."""
    return ridge((model.w @ model.a).numpy(), x, target, radius)


def ridge(m, x, target, radius):
    """min ‖M(x + d) − M x_t‖ over ‖d‖ ≤ radius, by its secular equation."""
    b = m @ (target - x).flatten().numpy()
    gram, right = m.T @ m, m.T @ b

    def distortion(mu):
        return np.linalg.solve(gram + mu * np.eye(len(gram)), right)

    mu = brentq(lambda v: np.linalg.norm(distortion(v)) - radius, 1e-9, 1e9)
    return np.linalg.norm(m @ distortion(mu) - b)


def test_reaches_the_minimum_within_every_ball():
    model, (x, target) = Linear(), images()
    radii = [0.2, 0.5, 1.0]
    starts = x.expand(3, *x.shape) + 0.01
    found = budgeted_attack(model, x, target, radii, starts)
    for point, radius in zip(found, radii, strict=True):
        assert (point - x).norm() <= radius * (1 + 1e-9)
        error = model.w @ model.a @ (point - target).flatten()
        assert float(error.norm()) <= 1.001 * smallest(model, x, target, radius)


def test_a_budgeted_latent_attack_reaches_the_minimum_of_the_divergence():
    """Posteriors of one covariance: KL = ½‖(A d − A (x_t − x)) / σ‖², a ridge regression again."""
    model, (x, target) = Linear(), images()
    radii = [0.2, 0.5]
    starts = x.expand(2, *x.shape) + 0.01
    found = budgeted_attack(model, x, target, radii, starts, aim="posterior")
    for point, radius in zip(found, radii, strict=True):
        assert (point - x).norm() <= radius * (1 + 1e-9)
        attacked, aimed = (model.encode(image[None]).layers[0] for image in (point, target))
        least = ridge(model.a.numpy() / attacked.std.numpy().T, x, target, radius)
        assert float(attacked.kl(aimed)) <= 1.001 * least**2 / 2


def test_an_aim_is_not_the_other():
    model, (x, target) = Linear(), images()
    starts = x.expand(1, *x.shape) + 0.01
    outputs, codes = (
        budgeted_attack(model, x, target, [0.5], starts, aim=aim)
        for aim in ("reconstruction", "posterior")
    )
    divergences = [
        float(model.encode(found).layers[0].kl(model.encode(target[None]).layers[0]))
        for found in (outputs, codes)
    ]
    errors = [(model.w @ model.a @ (f[0] - target).flatten()).norm() for f in (outputs, codes)]
    assert divergences[1] < divergences[0]
    assert errors[0] < errors[1]


def test_stays_in_the_box_and_is_never_worse_than_its_start():
    model, (x, target) = Linear(), images()
    model.bounds = (-0.5, 0.5)
    x, target = x.clamp(-0.5, 0.5), target.clamp(-0.5, 0.5)
    starts = torch.lerp(x, target, 0.3)[None]
    radius = float((target - x).norm()) * 0.3
    (found,) = budgeted_attack(model, x, target, [radius], starts, evaluations=30)
    assert found.abs().max() <= 0.5
    before, after = (
        (model.w @ model.a @ (point - target).flatten()).norm() for point in (starts[0], found)
    )
    assert after < before


def test_rows_do_not_depend_on_one_another_or_on_the_micro_batch():
    model, (x, target) = Linear(), images()
    starts = torch.stack([x, torch.lerp(x, target, 0.1), target])
    budgets = [0.5, 0.7, 0.9]
    together = budgeted_attack(model, x, target, budgets, starts, evaluations=9)
    alone = budgeted_attack(model, x, target, [0.7], starts[1:2], evaluations=9)
    split = budgeted_attack(model, x, target, budgets, starts, evaluations=9, micro_batch=2)
    torch.testing.assert_close(together[1], alone[0])
    torch.testing.assert_close(together, split)


@pytest.mark.parametrize("aim", ["reconstruction", "posterior"])
def test_a_model_that_cuts_its_gradient_off_is_attacked_all_the_same(aim):
    model, (x, target) = DetachedGradient(), images()
    found = budgeted_attack(model, x, target, [0.5], x[None], aim=aim)
    assert torch.equal(found, x[None])
