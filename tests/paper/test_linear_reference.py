"""Probabilistic PCA of the frontier: likelihood, map and gaps against closed forms."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from seatbelt_vae.attacks.threats import Budget
from seatbelt_vae.evaluation.gap import Pair
from seatbelt_vae.paper.linear_reference import _gaps, linear_elbo, linear_vae, truncated
from seatbelt_vae.protocol import Bounds

VARIANCE = 0.3
WIDE = Bounds(-1e3, 1e3)


@pytest.fixture(scope="module")
def images():
    noise = torch.Generator().manual_seed(0)
    spread = torch.tensor([3.0, 2.0, 1.5, 1.0, 0.5, 0.4, 0.2, 0.1], dtype=torch.float64)
    mixed = torch.linalg.qr(torch.randn(8, 8, generator=noise, dtype=torch.float64))[0]
    codes = spread * torch.randn(400, 8, generator=noise, dtype=torch.float64)
    return (1.5 + codes @ mixed).view(400, 1, 2, 4)


def weights(images, units):
    """W of maximum likelihood at the fixed variance, from the eigenvectors of the covariance."""
    flat = images.flatten(1)
    values, vectors = torch.linalg.eigh(torch.cov(flat.T, correction=0))
    order = values.argsort(descending=True)[:units]
    kept = order[values[order] > VARIANCE]
    return flat.mean(0), vectors[:, kept] * (values[kept] - VARIANCE).sqrt()


@pytest.mark.parametrize("units", [1, 3, 7])
def test_likelihood_and_map_are_those_of_the_gaussian_model(images, units):
    model = linear_vae(images, units, WIDE, VARIANCE)
    mean, w = weights(images, units)
    marginal = MultivariateNormal(mean, w @ w.T + VARIANCE * torch.eye(8, dtype=torch.float64))
    expected = marginal.log_prob(images.flatten(1)).mean()
    assert linear_elbo(model, images) == pytest.approx(float(expected), rel=1e-9)
    inside = w.T @ w + VARIANCE * torch.eye(w.shape[1], dtype=torch.float64)
    codes = torch.linalg.solve(inside, w.T @ (images.flatten(1) - mean).T)
    assert torch.allclose(model.reconstruct(images).flatten(1), (w @ codes).T + mean)


def test_directions_below_the_variance_are_left_out(images):
    assert len(linear_vae(images, 7, WIDE, VARIANCE).gains) == 4  # 3², 2², 1.5² and 1²
    shorter = truncated(linear_vae(images, 7, WIDE, VARIANCE), 2)
    direct = linear_vae(images, 2, WIDE, VARIANCE)
    assert torch.allclose(shorter.reconstruct(images), direct.reconstruct(images))
    assert linear_elbo(shorter, images) == pytest.approx(linear_elbo(direct, images))


def test_gaps_of_a_pair_along_one_direction_are_those_of_the_identity(images):
    model = linear_vae(images, 3, WIDE, VARIANCE)
    x = images[0]
    target = x + 2 * model.directions[:, 1].view_as(x)
    found = _gaps(model, {"x": x, "target": target})
    assert found == pytest.approx({e: 1 - e for e in found}, abs=1e-6)


def test_gaps_are_above_the_certificate_and_below_the_blend(images):
    model = linear_vae(images, 3, WIDE, VARIANCE)
    for k in range(5):
        x, target = images[2 * k], images[2 * k + 1]
        pair = Pair(x, target, *model.reconstruct(torch.stack([x, target])))
        ratio = pair.separation / pair.image_distance
        for epsilon, gap in _gaps(model, {"x": x, "target": target}).items():
            assert gap >= 1 - epsilon / ratio - 1e-6
            assert gap <= 1 - epsilon + 1e-6


def test_a_pair_that_is_not_told_apart_has_no_gap(images):
    model = linear_vae(images, 1, WIDE, VARIANCE)
    x = images[0]
    across = torch.linalg.svd(model.directions, full_matrices=True)[0][:, -1]
    found = _gaps(model, {"x": x, "target": x + across.view_as(x)})
    assert set(found.values()) == {None}
    assert not math.isnan(model.gaps(x, images[1], Budget("l2"), [0.1]).item())
