"""Worst distortions within a ball and the bounds, against closed forms."""

import pytest
import torch

from seatbelt_vae.hardening.distortions import ascend, random_start, within
from seatbelt_vae.protocol import Bounds

WIDE, UNIT = Bounds(-9.0, 9.0), Bounds(0.0, 1.0)
RADIUS = torch.tensor([0.5, 2.0])


@pytest.fixture
def x():
    return torch.rand(2, 1, 3, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("steps", [1, 4])
def test_a_linear_damage_is_raised_to_its_maximum(x, steps):
    slope = torch.randn(x[0].shape, generator=torch.Generator().manual_seed(1))
    for norm, best in (("l2", slope / slope.norm()), ("linf", slope.sign())):
        found = ascend(
            lambda moved: (moved * slope).flatten(1).sum(1), x, x, RADIUS, norm, WIDE, steps
        )
        torch.testing.assert_close(found, x + RADIUS.view(2, 1, 1, 1) * best)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_points_stay_within_the_radius_and_the_bounds(x, norm):
    order = 2 if norm == "l2" else torch.inf
    far = x + 7 * torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    for bounds in (WIDE, UNIT):
        size = (within(x, far, RADIUS, norm, bounds) - x).flatten(1).norm(order, dim=1)
        assert (size <= RADIUS * (1 + 1e-6)).all()
        if bounds is WIDE:
            torch.testing.assert_close(size, RADIUS)
    inside = within(x, far, RADIUS, norm, UNIT)
    assert 0 <= inside.min() < inside.max() <= 1


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_random_start_has_half_the_radius(x, norm):
    order = 2 if norm == "l2" else torch.inf
    start = random_start(x, RADIUS, norm, WIDE, torch.Generator().manual_seed(0))
    torch.testing.assert_close((start - x).flatten(1).norm(order, dim=1), RADIUS / 2)
