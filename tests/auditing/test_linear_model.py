"""Probabilistic PCA against its likelihood; its smallest gaps against closed forms and SciPy."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.optimize import brentq, lsq_linear
from scipy.stats import multivariate_normal

from seatbelt_vae.attacks import attack
from seatbelt_vae.attacks.threats import Budget
from seatbelt_vae.auditing.linear_model import fit_linear_model
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import DataError
from seatbelt_vae.protocol import Bounds

WIDE = Bounds(-100.0, 100.0)
SHAPE = (1, 2, 3)


def data(count=40, seed=0):
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(6, 6)) * np.array([3, 2, 1, 0.5, 0.3, 0.2])
    return torch.as_tensor(random.normal(size=(count, 6)) @ mixing.T + 1).view(-1, *SHAPE)


def parameters(model):
    """W and σ² from directions and gains: λ = σ²/(1 − g)."""
    eigenvalues = model.noise_variance / (1 - model.gains.numpy())
    return model.directions.numpy() * np.sqrt(eigenvalues - model.noise_variance)


def test_it_is_the_maximum_of_the_likelihood():
    images = data()
    model = fit_linear_model(images, 3, WIDE)
    flat, w = images.flatten(1).numpy(), parameters(model)

    def likelihood(w, noise, mean):
        covariance = w @ w.T + noise * np.eye(6)
        return multivariate_normal(mean, covariance).logpdf(flat).sum()

    mean, noise = model.mean.numpy(), model.noise_variance
    best = likelihood(w, noise, mean)
    random = np.random.default_rng(1)
    for scale in (1e-3, 1e-2, 1e-1):
        for _ in range(20):
            moved = likelihood(
                w + scale * random.normal(size=w.shape),
                noise * np.exp(scale * random.normal()),
                mean + scale * random.normal(size=6),
            )
            assert moved < best


def test_reconstructions_are_those_of_the_posterior_mean():
    images = data()
    model = fit_linear_model(images, 2, WIDE)
    w, mean = parameters(model), model.mean.numpy()
    posterior = np.linalg.solve(
        w.T @ w + model.noise_variance * np.eye(2), w.T @ (images.flatten(1).numpy() - mean).T
    )
    expected = (w @ posterior).T + mean
    assert_allclose(model.reconstruct(images).flatten(1), expected, rtol=1e-9)
    autoencoder = model.as_autoencoder()
    decoded = autoencoder.decode(autoencoder.encode(images).z).mean
    assert_allclose(decoded.flatten(1), expected, rtol=1e-9)
    assert (autoencoder.event_shape, autoencoder.bounds) == (SHAPE, WIDE)


def test_components_are_bounded_by_the_data():
    assert fit_linear_model(data(4), 100, WIDE).directions.shape == (6, 3)
    full = fit_linear_model(data(), 100, WIDE)
    assert full.directions.shape == (6, 6)
    assert_allclose(full.reconstruct(data(seed=3)), data(seed=3), rtol=1e-9)
    with pytest.raises(
        DataError, match=r"^2 inputs without any difference, expected two different"
    ):
        fit_linear_model(torch.ones(2, 5), 1, WIDE)


def by_secular_equation(model, x, target, radius):
    """d_j = g² v_j / (g² + μ) with ‖d‖ = ρ, along the directions of the model."""
    v = model.directions.numpy().T @ (target - x).flatten().numpy()
    g = model.gains.numpy()

    def moved(mu):
        return g**2 * v / (g**2 + mu)

    mu = brentq(lambda mu: np.linalg.norm(moved(mu)) - radius, 0, 1e6, xtol=1e-14)
    return np.linalg.norm(g * (v - moved(mu))) / np.linalg.norm(g * v)


def test_gaps_within_a_ball_are_those_of_the_closed_form():
    x, target = data(2, seed=7)
    model = fit_linear_model(data(), 3, WIDE)
    distance = (target - x).norm().item()
    levels = [share * distance for share in (0.05, 0.2, 0.5)]
    expected = [by_secular_equation(model, x, target, level) for level in levels]
    gaps = model.gaps(x, target, Budget("l2"), levels)
    assert_allclose(gaps, expected, rtol=1e-5)
    assert (gaps < 1 - torch.tensor([0.05, 0.2, 0.5])).all()  # no worse than the blend
    assert model.gaps(x, target, Budget("l2"), [2 * distance]) < 1e-3


@pytest.mark.parametrize("high", [2.0, 100.0])
def test_gaps_within_a_box_are_those_of_least_squares(high):
    bounds = Bounds(-100.0, torch.full(SHAPE, high, dtype=torch.float64))
    x, target = data(2, seed=7).clamp(max=high)
    model = fit_linear_model(data(), 3, bounds)
    a = (model.gains * model.directions).numpy().T
    b = a @ (target - x).flatten().numpy()
    expected = []
    for level in (0.05, 0.4):
        ceiling = np.minimum(level, high - x.flatten().numpy()) + 1e-12
        found = lsq_linear(a, b, (-level * np.ones(6), ceiling), tol=1e-14)
        expected.append(np.sqrt(2 * found.cost) / np.linalg.norm(b))
    assert_allclose(model.gaps(x, target, Budget("linf"), [0.05, 0.4]), expected, rtol=1e-5)


@pytest.mark.parametrize("threat", ["l2", "linf"])
def test_the_attack_on_it_finds_the_same_gap(threat):
    x, target = data(2, seed=7)
    model = fit_linear_model(data(), 3, Bounds(-10.0, 10.0))
    seen = model.reconstruct(target[None])
    level = 2.0 if threat == "l2" else 0.5
    result = attack(
        model.as_autoencoder(),
        x[None],
        seen,
        AttackConfig("output-l2", threat=threat, recheck=0),
        levels=torch.tensor([level]),
    )
    whole = (model.reconstruct(x[None]) - seen).norm()
    gap = model.gaps(x, target, Budget(threat), [level])
    assert_allclose(result.delta[0] / whole, gap, rtol=1e-4)
    assert 0.1 < gap < 0.9
