"""ELBO and IWAE on linear-Gaussian chains of depth 1 to 3, where log p(x) is known."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from seatbelt_vae.objectives import elbo_units, iwae, log_weights
from seatbelt_vae.protocol import draw_noise
from seatbelt_vae.testing import check_autoencoder
from tests.exact.linear_gaussian import CHAINS, PRINTED, Chain, image, quadrature
from tests.generators import generator_of

X = 1.3
DEPTHS = sorted(CHAINS)


def expectation(values: Tensor, masses: Tensor) -> float:
    return (masses @ values.reshape(len(masses))).item()


def elbo_by_quadrature(chain: Chain, x: float) -> float:
    noise, masses = quadrature(len(chain.latent_sizes))
    likelihood, units, _ = elbo_units(chain, image(x), noise)
    paths = likelihood.shape
    value = likelihood - torch.stack([u.sum(-1).expand(paths) for u in units]).sum(0)
    return expectation(value, masses)


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_chains_keep_the_protocol(depth: int) -> None:
    check_autoencoder(CHAINS[depth].with_wrong_encoder())


@pytest.mark.parametrize("depth", DEPTHS)
def test_with_the_exact_posterior_every_weight_is_the_likelihood(depth: int) -> None:
    chain = CHAINS[depth].with_exact_encoder()
    mean, covariance = chain.exact_posterior(X)
    q_mean, q_covariance = chain.encoder_joint(X)
    np.testing.assert_allclose(q_mean, mean, atol=1e-12)
    np.testing.assert_allclose(q_covariance, covariance, atol=1e-12)
    noise = draw_noise(chain.latent_sizes, (50, 20), generator_of(depth), like=image(X))
    weights = log_weights(chain, image(X, 20), noise)
    assert weights.shape == (50, 20)
    assert (weights - chain.log_likelihood(X)).abs().max() < 1e-10
    bound = iwae(chain, image(X, 2), 5, generator_of(depth), chunk=2)
    assert (bound - chain.log_likelihood(X)).abs().max() < 1e-10


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("exact", [True, False])
def test_the_elbo_is_the_likelihood_less_the_divergence_of_the_posteriors(
    depth: int, exact: bool
) -> None:
    chain = CHAINS[depth]
    chain = chain.with_exact_encoder() if exact else chain.with_wrong_encoder()
    for x in (-2.0, 0.0, X):
        elbo = elbo_by_quadrature(chain, x)
        assert elbo == pytest.approx(chain.elbo(x), abs=1e-10)
        gap = chain.log_likelihood(x) - elbo
        assert gap == pytest.approx(0, abs=1e-10) if exact else gap > 0.01


@pytest.mark.parametrize("depth", DEPTHS)
def test_iwae_lies_between_the_elbo_and_the_likelihood_and_rises(depth: int) -> None:
    chain = CHAINS[depth].with_wrong_encoder()
    copies, previous = 20_000, chain.elbo(X)
    for draws in (2, 8, 32):
        bounds = iwae(chain, image(X, copies), draws, generator_of(depth, draws), chunk=5)
        error = 4 * bounds.std().item() / copies**0.5
        found = bounds.mean().item()
        assert previous - error < found < chain.log_likelihood(X) + error
        assert found > chain.elbo(X) + error
        previous = found


def test_one_importance_weight_has_the_elbo_as_its_mean() -> None:
    for chain in CHAINS.values():
        wrong = chain.with_wrong_encoder()
        noise, masses = quadrature(len(wrong.latent_sizes))
        found = expectation(log_weights(wrong, image(X), noise), masses)
        assert found == pytest.approx(wrong.elbo(X), abs=1e-10)


def test_chunks_of_draws_do_not_change_the_bound() -> None:
    chain = CHAINS[2].with_wrong_encoder()
    whole = iwae(chain, image(X), 6, generator_of(0), chunk=6)
    assert iwae(chain, image(X), 6, generator_of(0), chunk=1).item() == pytest.approx(whole.item())


def test_the_printed_closed_form_below_the_top_exceeds_the_likelihood() -> None:
    chain = PRINTED.with_exact_encoder()
    likelihood = chain.log_likelihood(X)
    assert likelihood == pytest.approx(stats.norm(0, 5.01**0.5).logpdf(X), abs=1e-12)
    assert likelihood == pytest.approx(-1.893, abs=5e-4)
    assert elbo_by_quadrature(chain, X) == pytest.approx(likelihood, abs=1e-10)
    noise, masses = quadrature(2)
    posterior = chain.encode(image(X), noise)
    prior = chain.prior(posterior.z)
    printed = chain.decode(posterior.z).log_prob(image(X))
    for q, p in zip(posterior.layers, prior, strict=True):
        printed = printed - q.kl(p)
    assert expectation(printed, masses) == pytest.approx(-1.696, abs=5e-4)


def test_a_closed_form_top_makes_iwae_exceed_the_likelihood() -> None:
    chain, x = PRINTED.with_exact_encoder(), image(X, 40_000)
    noise = draw_noise((1, 1), (50, len(x)), generator_of(0), like=x)
    posterior = chain.encode(x, noise)
    prior = chain.prior(posterior.z)
    weights = log_weights(chain, x, noise)
    top, z = posterior.layers[-1], posterior.z[-1]
    closed = weights + top.log_prob(z) - prior[-1].log_prob(z) - top.kl(prior[-1])
    bounds = closed.logsumexp(0) - np.log(50)
    assert bounds.mean().item() == pytest.approx(-1.743, abs=5e-3)
    assert bounds.mean().item() > chain.log_likelihood(X) + 0.1
