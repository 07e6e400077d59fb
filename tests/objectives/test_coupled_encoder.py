"""The divergence of a coupled pair, against sampled densities of the joint prior."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal
from torch.distributions import Normal as TorchNormal

from seatbelt_vae.config import ObjectiveConfig
from seatbelt_vae.distributions import Normal
from seatbelt_vae.objectives import PenaltyInput, PenaltySetup, elbo_units
from seatbelt_vae.objectives.inner_attack import InnerAttack, median_distance
from seatbelt_vae.objectives.penalties.coupled_encoder import CoupledEncoder, coupled_kl_units
from seatbelt_vae.protocol import draw_noise
from seatbelt_vae.randomness import Stream, generator_for
from tests.objectives.test_objective import BATCH, batch, network, sizes

DRAWS = 400_000


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.95])
def test_it_is_the_divergence_of_the_pair_less_that_of_the_first_code(rho: float) -> None:
    """KL(q(z) q(z̃) ‖ p(z, z̃)) − KL(q(z) ‖ p(z)) by Monte Carlo over both codes."""
    first = TorchNormal(torch.tensor(0.7).double(), torch.tensor(0.4).double())
    second = TorchNormal(torch.tensor(-0.3).double(), torch.tensor(0.25).double())
    prior = MultivariateNormal(
        torch.zeros(2).double(), torch.tensor([[1.0, rho], [rho, 1.0]]).double()
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        z, other = first.sample((DRAWS,)), second.sample((DRAWS,))
    pair = torch.stack([z, other], dim=1)
    alone = TorchNormal(torch.tensor(0.0).double(), torch.tensor(1.0).double()).log_prob(z)
    terms = second.log_prob(other) - prior.log_prob(pair) + alone
    one, two = (Normal(q.mean.view(1, 1), 2 * q.stddev.log().view(1, 1)) for q in (first, second))
    found = coupled_kl_units(one, two, rho).item()
    assert abs(found - terms.mean().item()) < 4 * terms.std().item() / DRAWS**0.5
    assert found >= 0


def test_without_correlation_it_is_the_divergence_from_the_prior() -> None:
    _, (x, noise) = network("vae", sizes(1), torch.float64), batch(1)
    posterior = network("vae", sizes(1), torch.float64).encode(x, noise)
    (q,) = posterior.layers
    other = Normal(q.mean.flip(0), q.log_variance.flip(0))
    plain = other.kl_units(Normal(q.mean, q.mean).standard_normal())
    torch.testing.assert_close(coupled_kl_units(q, other, 0.0), plain)


def given_of(depth: int) -> PenaltyInput:
    model, (x, noise) = network("hvae", sizes(depth), torch.float64).eval(), batch(depth)
    return PenaltyInput(model, x, noise, *elbo_units(model, x, noise), 3)


def penalty(depth: int, examples: Tensor, **settings: object) -> CoupledEncoder:
    config = ObjectiveConfig(defence=("coupled-encoder",), defence_warm_up=6, **settings)
    return CoupledEncoder(PenaltySetup(sizes(depth), 100, config, examples=lambda: examples))


@pytest.mark.parametrize("source", ["delusion", "adversarial", "gaussian"])
@pytest.mark.parametrize("depth", [1, 3])
def test_the_lower_layers_of_the_second_chain_are_charged_too(source: str, depth: int) -> None:
    given = given_of(depth)
    found, _ = penalty(depth, given.x, coupling_source=source, coupling_correlation=0.8)(given)
    model, x = given.model, given.x
    if source == "delusion":
        view = model.decode(given.posterior.z).mean.clamp(-1, 1)
    elif source == "adversarial":
        config = ObjectiveConfig(defence=("coupled-encoder",), defence_warm_up=6)
        setup = PenaltySetup(sizes(depth), 100, config, examples=lambda: x)
        view = InnerAttack(setup, Stream.COUPLED_INPUTS)(model, x, 3, BATCH, slice(None))
    else:
        draws = torch.randn(x.shape, generator=generator_for(Stream.COUPLED_INPUTS, 0, 3)).double()
        radius = 0.2 * median_distance(x, "l2") * 3 / 6
        view = (x + draws * radius / x[0].numel() ** 0.5).clamp(-1, 1)
    noise = draw_noise(sizes(depth), (BATCH,), generator_for(Stream.COUPLED_NOISE, 0, 3), like=x)
    _, units, other = elbo_units(model, view.detach(), noise)
    expected = coupled_kl_units(given.posterior.layers[-1], other.layers[-1], 0.8).sum(-1)
    expected = expected + sum(unit.sum(-1) for unit in units[:-1])
    assert found.item() == pytest.approx(expected.mean().item(), rel=1e-6)


def test_the_second_view_gets_no_gradient() -> None:
    given = given_of(1)
    x = given.x.clone().requires_grad_(True)
    value, _ = penalty(1, given.x)(replace(given, x=x))
    assert torch.autograd.grad(value, x, allow_unused=True) == (None,)
