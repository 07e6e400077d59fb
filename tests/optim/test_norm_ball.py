"""Worst distortions within a ball and the bounds, against closed forms."""

from functools import partial

import pytest
import torch

from seatbelt_vae.optim.norm_ball import NormBall, ascend
from seatbelt_vae.protocol import Bounds

WIDE, UNIT = Bounds(-9.0, 9.0), Bounds(0.0, 1.0)
RADIUS = torch.tensor([0.5, 2.0])


def _linear(slopes, moved):
    return (moved * slopes).flatten(1).sum(1)


@pytest.fixture
def x():
    return torch.rand(2, 1, 3, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("steps", [1, 4])
def test_a_linear_damage_is_raised_to_its_maximum(x, steps):
    slope = torch.randn(x[0].shape, generator=torch.Generator().manual_seed(1))
    for norm, best in (("l2", slope / slope.norm()), ("linf", slope.sign())):
        found = ascend(
            partial(_linear, slope),
            *(x, x, NormBall.of(norm, RADIUS, like=x), WIDE),
            steps=steps,
            length=min(1.0, 2.5 / steps),
        )
        torch.testing.assert_close(found, x + RADIUS.view(2, 1, 1, 1) * best)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_points_stay_within_the_radius_and_the_bounds(x, norm):
    order = 2 if norm == "l2" else torch.inf
    far = x + 7 * torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    ball = NormBall.of(norm, RADIUS, like=x)

    def within(bounds):
        slopes = far - x  # their ascent from x, with steps far beyond the ball
        raised = partial(_linear, slopes)
        return ascend(raised, x, x, ball, bounds, steps=2, length=7.0)

    for bounds in (WIDE, UNIT):
        size = (within(bounds) - x).flatten(1).norm(order, dim=1)
        assert (size <= RADIUS * (1 + 1e-6)).all()
        if bounds is WIDE:
            torch.testing.assert_close(size, RADIUS)
    inside = within(UNIT)
    assert 0 <= inside.min() < inside.max() <= 1


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_the_projection_is_the_closest_point(x, norm):
    order = 2 if norm == "l2" else torch.inf
    far = 7 * torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    ball = NormBall.of(norm, RADIUS, like=x)
    found = ball.projected(far)
    torch.testing.assert_close(found.flatten(1).norm(order, dim=1), RADIUS)
    torch.testing.assert_close(ball.projected(0.01 * far), 0.01 * far)
    for other in (0.999 * found, ball.steepest(far), ball.steepest(-far)):
        assert ((found - far).flatten(1).norm(dim=1) <= (other - far).flatten(1).norm(dim=1)).all()


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_half_of_the_steepest_distortion_has_half_the_radius(x, norm):
    order = 2 if norm == "l2" else torch.inf
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    start = x + 0.5 * NormBall.of(norm, RADIUS, like=x).steepest(noise)
    torch.testing.assert_close((start - x).flatten(1).norm(order, dim=1), RADIUS / 2)
