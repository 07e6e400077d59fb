"""The objectives of presets: equalities between them, and their terms."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seatbelt_vae.config import PRESETS, ModelConfig, ObjectiveConfig, resolve
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.models import HierarchicalVAE
from seatbelt_vae.objectives import (
    Objective,
    PenaltySetup,
    Terms,
    component_log_weights,
    elbo_units,
)
from seatbelt_vae.objectives.free_bits import free_bits
from seatbelt_vae.protocol import draw_noise
from tests.generators import generator_of
from tests.objectives.broadcast import broadcast_tc
from tests.random_models import random_model

SIDE, BATCH, SIZE = 4, 8, 100
SINGLE, DEEP = (5,), (5, 4, 3)
DEPTHS = [1, 3]


def network(preset: str, latent_sizes: tuple[int, ...], dtype: torch.dtype) -> HierarchicalVAE:
    config = ModelConfig(preset, latent_sizes=latent_sizes, network="mlp", features=16)
    architecture = resolve(config, "toy", (1, SIDE, SIDE), (-1.0, 1.0))
    return random_model(architecture).to(dtype)


def batch(depth: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, tuple[Tensor, ...]]:
    draws = generator_of(depth)
    x = torch.rand(BATCH, 1, SIDE, SIDE, generator=draws, dtype=dtype) * 2 - 1
    return x, draw_noise(sizes(depth), (BATCH,), draws, like=x)


def sizes(depth: int) -> tuple[int, ...]:
    return SINGLE if depth == 1 else DEEP


def objective_of(preset: str, depth: int, **settings: object) -> Objective:
    return Objective.of(preset, PenaltySetup(sizes(depth), SIZE, ObjectiveConfig(**settings)))


def evaluate(preset: str, depth: int, **settings: object) -> Terms:
    objective = objective_of(preset, depth, **settings)
    return objective(network(preset, sizes(depth), torch.float64), *batch(depth))


def assert_same(one: Terms, other: Terms) -> None:
    named, others = one.named(), other.named()
    assert named.keys() == others.keys()
    for name, value in named.items():
        assert value.item() == pytest.approx(others[name].item(), rel=1e-13), name


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("preset", PRESETS)
def test_at_beta_one_without_free_bits_every_preset_is_its_elbo(preset: str, depth: int) -> None:
    terms = evaluate(preset, depth, beta=1.0, free_bits=0.0)
    assert terms.objective.item() == pytest.approx(terms.elbo.item(), rel=1e-14)
    assert not terms.penalties
    assert terms.floored == 0
    assert len(terms.divergences) == depth
    model = network(preset, sizes(depth), torch.float64)
    likelihood, units, _ = elbo_units(model, *batch(depth))
    by_image = likelihood - torch.stack([unit.sum(-1) for unit in units]).sum(0)
    assert terms.elbo.item() == pytest.approx(by_image.mean().item(), rel=1e-13)


def test_seatbelt_with_one_layer_is_beta_tcvae() -> None:
    for beta in (1.0, 6.0):
        assert_same(evaluate("seatbelt", 1, beta=beta), evaluate("beta-tcvae", 1, beta=beta))


def test_hvae_is_seatbelt_at_beta_one() -> None:
    assert_same(evaluate("hvae", 3), evaluate("seatbelt", 3, beta=1.0))


def test_the_default_estimator_is_mws() -> None:
    assert_same(evaluate("seatbelt", 3), evaluate("seatbelt", 3, tc_estimator="mws"))


@pytest.mark.parametrize("estimator", ["mws", "mss", "mss-chen", "mss-published"])
def test_the_tc_of_the_top_layer_is_charged_beta_less_one_times(estimator: str) -> None:
    terms = evaluate("seatbelt", 3, beta=5.0, tc_estimator=estimator, free_bits=0.0)
    _, _, posterior = elbo_units(network("seatbelt", DEEP, torch.float64), *batch(3))
    top, z = posterior.layers[-1], posterior.z[-1]
    weights = component_log_weights(estimator, BATCH, BATCH, SIZE)
    tc = broadcast_tc(z, top.mean, top.log_variance, weights).item()
    assert terms.penalties["total_correlation"].item() == pytest.approx(tc, rel=1e-12)
    assert terms.objective.item() == pytest.approx(terms.elbo.item() - 4 * tc, rel=1e-12)


@pytest.mark.parametrize("estimator", ["mws", "mss"])
def test_gradients_of_the_tc_equal_those_of_the_broadcast_form(estimator: str) -> None:
    """Gradients through the samples and through the components."""
    model = network("seatbelt", DEEP, torch.float64)
    objective = objective_of("seatbelt", 3, beta=5.0, tc_estimator=estimator, free_bits=0.0)
    terms = objective(model, *batch(3))
    likelihood, units, posterior = elbo_units(model, *batch(3))
    top = posterior.layers[-1]
    weights = component_log_weights(estimator, BATCH, BATCH, SIZE)
    tc = broadcast_tc(posterior.z[-1], top.mean, top.log_variance, weights)
    elbo = (likelihood - torch.stack([unit.sum(-1) for unit in units]).sum(0)).mean()
    found = torch.autograd.grad(terms.objective, [*model.parameters()])
    expected = torch.autograd.grad(elbo - 4 * tc, [*model.parameters()])
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_beta_vae_charges_the_whole_divergence_beta_times() -> None:
    terms = evaluate("beta-vae", 1, beta=3.0)
    (divergence,) = terms.divergences
    expected = terms.log_likelihood - 3 * divergence
    assert terms.objective.item() == pytest.approx(expected.item(), rel=1e-13)
    assert terms.elbo.item() == pytest.approx((terms.log_likelihood - divergence).item())


@pytest.mark.parametrize("group", ["unit", "layer"])
def test_free_bits_floor_every_layer_and_do_not_change_the_elbo(group: str) -> None:
    terms = evaluate("hvae", 3, free_bits=0.3, free_bits_group=group)
    plain = evaluate("hvae", 3, free_bits=0.0)
    model = network("hvae", DEEP, torch.float64)
    _, units, _ = elbo_units(model, *batch(3))
    charged, _ = zip(*(free_bits(unit, 0.3, group) for unit in units), strict=True)
    expected = plain.log_likelihood - torch.stack(charged).sum()
    assert terms.objective.item() == pytest.approx(expected.item(), rel=1e-13)
    groups = [unit.mean(0) if group == "unit" else unit.mean(0).sum()[None] for unit in units]
    assert terms.floored.item() == pytest.approx((torch.cat(groups) < 0.3).double().mean().item())
    assert terms.objective < plain.objective
    assert terms.elbo.equal(plain.elbo)


def test_free_bits_are_on_by_default_with_several_layers_only() -> None:
    assert objective_of("seatbelt", 3).free_bits == 0.125
    assert objective_of("beta-tcvae", 1).free_bits == 0


def test_a_beta_is_refused_for_the_elbo() -> None:
    with pytest.raises(
        ConfigError, match="beta is 4 with preset 'vae', whose objective is the ELB"
    ):
        objective_of("vae", 1, beta=4.0)


def test_under_bf16_the_terms_are_float32_and_close() -> None:
    x, noise = batch(3, torch.float32)
    objective = objective_of("seatbelt", 3)
    model = network("seatbelt", DEEP, torch.float32)
    full = objective(model, x, noise)
    with torch.autocast("cpu", torch.bfloat16):
        half = objective(model, x, noise)
    for name, value in half.named().items():
        assert value.dtype == torch.float32, name
    assert half.elbo.item() == pytest.approx(full.elbo.item(), rel=0.02)
    half.objective.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@given(st.floats(0, 10), st.floats(0, 2), st.sampled_from(["unit", "layer"]))
@settings(max_examples=15, deadline=None)
def test_the_objective_is_affine_in_beta_and_free_bits_only_cost(
    beta: float, floor: float, group: str
) -> None:
    at = evaluate("seatbelt", 3, beta=beta, free_bits=floor, free_bits_group=group)
    one = evaluate("seatbelt", 3, beta=1.0, free_bits=floor, free_bits_group=group)
    two = evaluate("seatbelt", 3, beta=2.0, free_bits=floor, free_bits_group=group)
    slope = (two.objective - one.objective).item()
    assert at.objective.item() == pytest.approx(one.objective.item() + (beta - 1) * slope)
    assert at.elbo.equal(one.elbo)
    assert one.objective <= one.elbo + 1e-9


@pytest.mark.parametrize("preset", ["vae", "beta-vae", "beta-tcvae", "seatbelt"])
def test_warm_ups_scale_their_penalty_only(preset: str) -> None:
    """The objective at step s is the final one plus the uncharged shares of the penalties."""
    depth = 3 if preset == "seatbelt" else 1
    kind = PRESETS[preset]
    settings = {"kl_warm_up": 10} | ({"tc_warm_up": 4} if kind.penalties else {})
    objective = objective_of(preset, depth, free_bits=0.0, warm_up_period=12, **settings)
    model, (x, noise) = network(preset, sizes(depth), torch.float64), batch(depth)
    over = objective(model, x, noise)
    kl = (kind.beta if preset == "beta-vae" else 1) * sum(over.divergences)
    tc = (kind.beta - 1) * over.penalties.get("total_correlation", torch.zeros(()))
    for step, of_kl, of_tc in ((1, 0.1, 0.25), (5, 0.5, 1), (12, 1, 1), (13, 0.1, 0.25)):
        found = objective(model, x, noise, step)
        wanted = over.objective + (1 - of_kl) * kl + (1 - of_tc) * tc
        assert found.objective.item() == pytest.approx(wanted.item(), rel=1e-12)
        assert found.elbo.item() == over.elbo.item()


def test_without_warm_up_all_steps_are_equal() -> None:
    objective = objective_of("seatbelt", 3)
    model, (x, noise) = network("seatbelt", DEEP, torch.float64), batch(3)
    first, last = (objective(model, x, noise, step).objective for step in (1, 10**6))
    assert first.item() == last.item() == objective(model, x, noise).objective.item()
