"""Densities and divergences against SciPy, torch.distributions, quadrature and optimisation."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats
from torch import Tensor

from seatbelt_vae.distributions import BernoulliImage, ImageDistribution, Normal, NormalImage

float64 = torch.float64


def _normal(seed: int, *shape: int, spread: float = 1.0) -> Normal:
    generator = torch.Generator().manual_seed(seed)
    mean, log_variance = torch.randn(2, *shape, generator=generator, dtype=float64)
    return Normal(mean, spread * log_variance)


def _image(seed: int, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=float64)


def test_log_prob_is_scipys() -> None:
    q, z = _normal(0, 4, 3), _normal(1, 4, 3).mean
    units = stats.norm.logpdf(z.numpy(), q.mean.numpy(), q.log_variance.exp().sqrt().numpy())
    np.testing.assert_allclose(q.log_prob_units(z), units, rtol=1e-12)
    np.testing.assert_allclose(q.log_prob(z), units.sum(-1), rtol=1e-12)


def test_std_and_variance_are_of_one_another() -> None:
    q = _normal(2, 5)
    np.testing.assert_allclose(q.variance, np.exp(q.log_variance.numpy()), rtol=1e-14)
    np.testing.assert_allclose(q.std**2, q.variance, rtol=1e-14)


def test_sample_moves_the_mean_by_noise_times_std_and_broadcasts_draws() -> None:
    q, noise = _normal(3, 2, 3), _normal(4, 7, 2, 3).mean
    expected = q.mean.numpy() + np.sqrt(np.exp(q.log_variance.numpy())) * noise.numpy()
    np.testing.assert_allclose(q.sample(noise), expected, rtol=1e-13)


def test_kl_is_torchs_and_not_symmetric() -> None:
    q, p = _normal(5, 4, 3), _normal(6, 4, 3)
    reference = torch.distributions.kl_divergence(
        torch.distributions.Normal(q.mean, q.std), torch.distributions.Normal(p.mean, p.std)
    )
    torch.testing.assert_close(q.kl_units(p), reference, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(q.kl(p), reference.sum(-1), rtol=1e-12, atol=1e-12)
    assert not torch.allclose(q.kl(p), p.kl(q), rtol=1e-2)


@pytest.mark.parametrize("seed", range(4))
def test_kl_is_the_integral_of_q_log_q_over_p(seed: int) -> None:
    q, p = _normal(seed, 1), _normal(seed + 10, 1)
    (q_mean, q_std), (p_mean, p_std) = ((n.mean.item(), n.std.item()) for n in (q, p))

    def integrand(z: float) -> float:
        log_q, log_p = stats.norm.logpdf(z, q_mean, q_std), stats.norm.logpdf(z, p_mean, p_std)
        return math.exp(log_q) * (log_q - log_p)

    value, _ = integrate.quad(integrand, q_mean - 12 * q_std, q_mean + 12 * q_std, epsabs=1e-12)
    assert q.kl(p).item() == pytest.approx(value, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.0, 6.0))
def test_kl_is_never_negative_and_zero_only_to_itself(seed: int, spread: float) -> None:
    q, p = _normal(seed, 3, spread=spread), _normal(seed + 1, 3, spread=spread)
    assert (q.kl_units(p) > 0).all()
    assert torch.equal(q.kl(q), torch.zeros((), dtype=float64))


def test_standard_normal_has_the_shape_and_type_of_its_model() -> None:
    top = _normal(7, 2, 3).standard_normal()
    z = _normal(8, 2, 3).mean
    np.testing.assert_allclose(top.log_prob(z), stats.norm.logpdf(z.numpy()).sum(-1), rtol=1e-12)
    assert top.mean.dtype == top.log_variance.dtype == float64


@pytest.mark.parametrize("variance", [0.1, 1.0, 2.5])
def test_gaussian_images_are_scipys_and_broadcast_draws(variance: float) -> None:
    mean, x = _image(0, 5, 2, 3, 4, 4), _image(1, 2, 3, 4, 4)
    reference = stats.norm.logpdf(x.numpy(), mean.numpy(), math.sqrt(variance)).sum((-3, -2, -1))
    found = NormalImage(mean, variance).log_prob(x)
    assert found.shape == (5, 2)
    np.testing.assert_allclose(found, reference, rtol=1e-12)


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (0.0, 1.0)])
def test_bernoulli_images_are_torchs_on_black_and_white(bounds: tuple[float, float]) -> None:
    low, high = bounds
    logits = 4 * _normal(9, 5, 2, 1, 3, 3).mean
    bits = (_image(2, 2, 1, 3, 3) > 0.5).double()
    x = low + (high - low) * bits
    reference = torch.distributions.Bernoulli(logits=logits).log_prob(bits.expand_as(logits))
    p = BernoulliImage(logits, bounds)
    torch.testing.assert_close(p.log_prob(x), reference.sum((-3, -2, -1)), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(p.mean, low + (high - low) / (1 + (-logits).exp()))


def test_bernoulli_images_are_linear_in_grey_values() -> None:
    logits = _normal(10, 1, 1, 3, 3).mean
    x = 2 * _image(3, 1, 1, 3, 3) - 1
    p = 1 / (1 + np.exp(-logits.numpy()))
    t = (x.numpy() + 1) / 2
    expected = (t * np.log(p) + (1 - t) * np.log1p(-p)).sum()
    assert BernoulliImage(logits, (-1.0, 1.0)).log_prob(x).item() == pytest.approx(expected)


def test_bernoulli_images_stay_finite_at_extreme_logits() -> None:
    logits = torch.tensor([-1e4, 1e4]).reshape(1, 1, 1, 2).requires_grad_()
    value = BernoulliImage(logits, (-1.0, 1.0)).log_prob(torch.tensor([[[[1.0, -1.0]]]]))
    assert value.item() == -2e4
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    assert gradient.flatten().tolist() == [1.0, -1.0]


def _gaussian(parameters: Tensor) -> ImageDistribution:
    return NormalImage(parameters, 0.1)


def _bernoulli(parameters: Tensor) -> ImageDistribution:
    return BernoulliImage(parameters, (-1.0, 1.0))


@pytest.mark.parametrize("family", [_gaussian, _bernoulli])
def test_max_log_prob_is_what_an_optimiser_reaches(family: object) -> None:
    x = 1.8 * _image(4, 1, 1, 2, 2) - 0.9

    def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        parameters = torch.tensor(flat).reshape(x.shape).requires_grad_()
        value = -family(parameters).log_prob(x).sum()
        return value.item(), torch.autograd.grad(value, parameters)[0].flatten().numpy()

    best = optimize.minimize(value_and_gradient, np.zeros(4), jac=True, options={"gtol": 1e-10})
    assert family(x).max_log_prob(x).item() == pytest.approx(-best.fun, rel=1e-9)


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (0.0, 1.0), (-0.4242, 2.8215), (-0.3, 0.7)])
def test_max_log_prob_of_black_and_white_is_zero_for_any_bounds(
    bounds: tuple[float, float],
) -> None:
    x = torch.tensor(bounds).reshape(1, 1, 1, 2)
    p = BernoulliImage(torch.zeros_like(x), bounds)
    assert p.max_log_prob(x).item() == pytest.approx(0.0, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 10.0))
def test_no_parameters_beat_max_log_prob(seed: int, scale: float) -> None:
    x = 2 * _image(seed, 2, 1, 3, 3) - 1
    parameters = scale * _normal(seed, 2, 1, 3, 3).mean
    for p in (_gaussian(parameters), _bernoulli(parameters)):
        assert isinstance(p, ImageDistribution)
        assert (p.log_prob(x) <= p.max_log_prob(x) + 1e-9).all()
