"""Jacobian penalties on linear models, whose Jacobians are matrices."""

import numpy as np
import pytest
import torch
from torch import nn

from seatbelt_vae.config import ModelConfig, ObjectiveConfig, resolve
from seatbelt_vae.models import HierarchicalVAE, for_training
from seatbelt_vae.objectives import PenaltyInput, PenaltySetup, elbo_units
from seatbelt_vae.objectives.penalties.jacobians import EncoderJacobian, ReconstructionJacobian
from seatbelt_vae.protocol import Autoencoder, draw_noise
from seatbelt_vae.randomness import Stream, generator_for
from tests.attacks.models import SHAPE, Linear
from tests.objectives.test_objective import batch, network, sizes
from tests.random_models import random_model

ROWS = 400


def given_of(model: Autoencoder, rows: int = ROWS, step: int = 1) -> PenaltyInput:
    draws = torch.Generator().manual_seed(2)
    x = torch.randn(rows, *SHAPE, generator=draws, dtype=torch.float64)
    noise = draw_noise(model.latent_sizes, (rows,), draws, like=x)
    return PenaltyInput(model, x, noise, *elbo_units(model, x, noise), step)


def test_the_estimate_for_the_encoder_has_the_mean_of_the_squared_frobenius_norm() -> None:
    model = Linear(units=3)
    value, _ = EncoderJacobian(PenaltySetup((3,)))(given_of(model))
    signs = torch.randn(ROWS, 3, generator=generator_for(Stream.JACOBIAN_VECTORS, 0, 1)).sign()
    by_row = (signs.double() @ model.a).square().sum(1)
    assert value.item() == pytest.approx(by_row.mean().item(), rel=1e-12)
    error = by_row.std().item() / ROWS**0.5
    assert abs(value.item() - model.a.square().sum().item()) < 4 * error


def test_for_one_unit_it_is_the_norm_itself() -> None:
    model = Linear(units=1)
    value, _ = EncoderJacobian(PenaltySetup((1,)))(given_of(model, rows=2))
    assert value.item() == pytest.approx(model.a.square().sum().item(), rel=1e-12)


@pytest.mark.parametrize("iterations", [0, 1, 2, 60])
def test_the_gain_of_the_reconstruction_follows_the_power_iterations(iterations: int) -> None:
    model = Linear(units=3)
    setup = PenaltySetup((3,), config=ObjectiveConfig(jacobian_iterations=iterations))
    value, _ = ReconstructionJacobian(setup)(given_of(model, rows=5))
    jacobian = (model.w @ model.a).numpy()
    start = torch.randn(5, *SHAPE, generator=generator_for(Stream.JACOBIAN_VECTORS, 0, 1))
    gains = []
    for w in start.double().flatten(1).numpy():
        for _ in range(iterations):
            w = jacobian @ (jacobian.T @ w)
            w /= np.linalg.norm(w)
        gains.append(np.square(jacobian.T @ w).sum() / np.square(w).sum())
    assert value.item() == pytest.approx(np.mean(gains), rel=1e-6)
    largest = np.linalg.norm(jacobian, 2) ** 2
    assert value.item() <= largest * (1 + 1e-9)
    if iterations == 60:
        assert value.item() == pytest.approx(largest, rel=1e-9)


@pytest.mark.parametrize("kind", [EncoderJacobian, ReconstructionJacobian])
@pytest.mark.parametrize("depth", [1, 3])
def test_its_gradient_is_that_of_finite_differences(kind: type, depth: int) -> None:
    model = network("hvae", sizes(depth), torch.float64).train()
    x, noise = batch(depth)
    given = PenaltyInput(model, x, noise, *elbo_units(model, x, noise), 1)
    # the vector is a constant of the gradient: without iterations it does not depend on the weights
    loss = kind(PenaltySetup(sizes(depth), config=ObjectiveConfig(jacobian_iterations=0)))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    weight = next(p for name, p in model.named_parameters() if p.ndim > 1)
    value, _ = loss(given)
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    (slope,) = torch.autograd.grad(value, weight)
    direction = torch.randn(weight.shape, generator=torch.Generator().manual_seed(3)).double()
    ends = []
    for step in (1e-6, -2e-6):
        with torch.no_grad():
            weight += step * direction
        ends.append(loss(given)[0].item())
    assert (slope * direction).sum().item() == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4)


def test_under_bf16_it_is_computed_in_float32() -> None:
    model, (x, noise) = network("vae", sizes(1), torch.float32), batch(1, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        given = PenaltyInput(model, x, noise, *elbo_units(model, x, noise), 1)
    for kind in (EncoderJacobian, ReconstructionJacobian):
        loss = kind(PenaltySetup(sizes(1)))
        with torch.autocast("cpu", torch.bfloat16):
            inside, _ = loss(given)
        assert inside.item() == loss(given)[0].item()
        inside.backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def convolutional() -> HierarchicalVAE:
    """A network with BatchNorm whose running moments are far from those of a batch."""
    config = ModelConfig("hvae", latent_sizes=(3, 2), filters=(16, 16), features=16)
    return random_model(resolve(config, "toy", (1, 16, 16), (0.0, 1.0))).double().train()


def of_convolutional(model: HierarchicalVAE) -> PenaltyInput:
    draws = torch.Generator().manual_seed(2)
    x = torch.rand(6, 1, 16, 16, generator=draws, dtype=torch.float64)
    noise = draw_noise(model.latent_sizes, (6,), draws, like=x)
    with torch.no_grad():
        return PenaltyInput(model, x, noise, *elbo_units(model, x, noise), 1)


def test_the_network_has_the_moments_of_the_batch_as_constants_of_the_image() -> None:
    model = convolutional()
    given = of_convolutional(model)
    inputs: dict[nn.Module, torch.Tensor] = {}

    def note(module: nn.Module, read: tuple[torch.Tensor], _written: torch.Tensor) -> None:
        inputs[module] = read[0].detach()

    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    hooks = [norm.register_forward_hook(note) for norm in norms]
    with torch.no_grad():
        model.encode(given.x)
    for hook in hooks:
        hook.remove()
    signs = torch.randn(6, 5, generator=generator_for(Stream.JACOBIAN_VECTORS, 0, 1)).sign()
    value, _ = EncoderJacobian(PenaltySetup((3, 2)))(given)
    # the same network in evaluation, with the noted moments as its running ones
    for norm, read in inputs.items():
        others = [0, *range(2, read.ndim)]
        norm.running_mean, norm.running_var = read.mean(others), read.var(others, unbiased=False)
    model.eval()
    squares = []
    for image, sign in zip(given.x, signs.double(), strict=True):
        jacobian = torch.autograd.functional.jacobian(
            lambda v: torch.cat(model.encode(v[None]).z, dim=-1)[0], image
        )
        squares.append((sign @ jacobian.flatten(1)).square().sum())
    assert value.item() == pytest.approx(torch.stack(squares).mean().item(), rel=1e-10)


@pytest.mark.parametrize("kind", [EncoderJacobian, ReconstructionJacobian])
def test_a_weight_before_batch_norm_has_no_scale(kind: type) -> None:
    model = convolutional()
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            norm.eps = 1e-12
    given = of_convolutional(model)
    loss = kind(PenaltySetup((3, 2)))
    value, _ = loss(given)
    first = next(m for m in model.encoder.modules() if isinstance(m, nn.Conv2d))
    (slope,) = torch.autograd.grad(value, first.weight)
    along = (slope * first.weight).sum().item()
    assert along == pytest.approx(0, abs=1e-6 * (slope.norm() * first.weight.norm()).item())
    with torch.no_grad():
        first.weight *= 0.5
    assert loss(given)[0].item() == pytest.approx(value.item(), rel=1e-6)


@pytest.mark.parametrize("kind", [EncoderJacobian, ReconstructionJacobian])
def test_fused_layers_have_the_same_value_and_gradient(kind: type) -> None:
    results = []
    for fused in (False, True):
        model = convolutional()
        given = of_convolutional(model)
        if fused:
            for_training(model)
        value, _ = kind(PenaltySetup((3, 2)))(given)
        value.backward()
        assert not any(m._forward_pre_hooks for m in model.modules())
        results.append((value.item(), {n: p.grad for n, p in model.named_parameters()}))
    (value, gradients), (fused_value, fused_gradients) = results
    assert fused_value == pytest.approx(value, rel=1e-12)
    for name, gradient in gradients.items():
        torch.testing.assert_close(fused_gradients[name], gradient, rtol=1e-9, atol=1e-12)
