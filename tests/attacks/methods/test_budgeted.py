"""The budgeted attack on a linear model, where the smallest gap within a ball is known."""

import numpy as np
import torch
from scipy.optimize import brentq

from seatbelt_vae.attacks import budgeted_attack
from tests.attacks.models import DetachedGradient, Linear, images


def smallest(model, x, target, radius):
    """min ‖M(x + d) − M x_t‖ over ‖d‖ ≤ radius, M = WA, by its secular equation."""
    m = (model.w @ model.a).numpy()
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


class Rippled(Linear):
    """The decoder's image ripples with the code: its distances have many poor minima."""

    def decode(self, z):
        return super().decode([z[0] + torch.sin(8 * z[0])])


def test_annealed_steps_leave_poor_minima():
    model, (x, target) = Rippled(), images()
    noise = torch.randn(8, *x.shape, generator=torch.Generator().manual_seed(0)).to(x)
    starts, radii = x + 0.05 * noise, [0.7 * float((target - x).norm())] * 8

    def distance(points):
        reference, found = (model.decode(model.encode(p).z).mean for p in (target[None], points))
        return (found - reference).flatten(1).norm(dim=1)

    plain, annealed = (
        distance(budgeted_attack(model, x, target, radii, starts, annealed=first, evaluations=rest))
        for first, rest in ((0, 140), (120, 20))
    )
    assert annealed.mean() < 0.5 * plain.mean()


def test_rows_do_not_depend_on_one_another_or_on_the_micro_batch():
    model, (x, target) = Linear(), images()
    starts = torch.stack([x, torch.lerp(x, target, 0.1), target])
    budgets = [0.5, 0.7, 0.9]
    together = budgeted_attack(model, x, target, budgets, starts, evaluations=9)
    alone = budgeted_attack(model, x, target, [0.7], starts[1:2], evaluations=9)
    split = budgeted_attack(model, x, target, budgets, starts, evaluations=9, micro_batch=2)
    torch.testing.assert_close(together[1], alone[0])
    torch.testing.assert_close(together, split)


def test_every_row_can_have_its_own_input_and_target():
    model, (x, target) = Linear(), images()
    sides = torch.stack([x, target])
    both = budgeted_attack(model, sides, sides.flip(0), [0.5, 0.7], sides, micro_batch=1)
    for row, (start, aim, radius) in enumerate([(x, target, 0.5), (target, x, 0.7)]):
        alone = budgeted_attack(model, start, aim, [radius], start[None])
        torch.testing.assert_close(both[row], alone[0])
        assert (both[row] - start).norm() <= radius * (1 + 1e-9)


def test_a_model_that_cuts_its_gradient_off_is_attacked_all_the_same():
    model, (x, target) = DetachedGradient(), images()
    found = budgeted_attack(model, x, target, [0.5], x[None])
    assert torch.equal(found, x[None])
