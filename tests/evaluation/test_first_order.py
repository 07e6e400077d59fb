"""The gap that an encoder allows to first order, against SciPy, differences and linear encoders."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from tests.evaluation.stand_ins import (
    LinearAutoencoder,
    identity_autoencoder,
    random_images,
    random_linear,
    random_vae,
)
from torch import Tensor

from seatbelt_vae.evaluation import first_order
from seatbelt_vae.evaluation.first_order import first_order_gaps, nearest_codes, path_jacobian
from seatbelt_vae.evaluation.gap import Pair
from seatbelt_vae.evaluation.measures import BUDGETS
from seatbelt_vae.protocol import Capabilities, Noise, Posterior


def pair_of(model: LinearAutoencoder, seed: int = 0) -> Pair:
    return Pair.of(model, *random_images(2, seed))


def by_scipy(jacobian: np.ndarray, change: np.ndarray, radius: float) -> np.ndarray:
    """The Jd nearest to a change, by sequential quadratic programming."""
    found = minimize(
        lambda d: np.square(change - jacobian @ d).sum(),
        np.zeros(jacobian.shape[1]),
        jac=lambda d: -2 * jacobian.T @ (change - jacobian @ d),
        method="SLSQP",
        constraints={"type": "ineq", "fun": lambda d: radius**2 - d @ d, "jac": lambda d: -2 * d},
        options={"maxiter": 500, "ftol": 1e-18},
    )
    return np.asarray(jacobian @ found.x)


@pytest.mark.parametrize("rank", [2, 3, 5])
@pytest.mark.parametrize("radius", [0.01, 0.3, 1.0, 100.0])
def test_nearest_codes_are_those_of_scipy(rank: int, radius: float) -> None:
    generator = np.random.default_rng(rank)
    jacobian = generator.standard_normal((3, rank)) @ generator.standard_normal((rank, 7))
    change = generator.standard_normal(3)

    expected = by_scipy(jacobian, change, radius)
    reached = nearest_codes(
        torch.from_numpy(jacobian)[None], torch.from_numpy(change)[None], torch.tensor([[radius]])
    )
    np.testing.assert_allclose(reached[0, 0].numpy(), expected, atol=1e-6)


def test_an_inactive_unit_stays_and_the_others_move_on() -> None:
    jacobian, change = torch.diag(torch.tensor([1.0, 0.0])).double(), torch.tensor([2.0, 5.0])
    reached = nearest_codes(jacobian[None], change[None].double(), torch.tensor([[0.5, 2.0, 9.0]]))
    assert reached.flatten().tolist() == pytest.approx([0.5, 0, 2, 0, 2, 0])


def test_the_jacobian_of_a_chain_is_that_of_differences() -> None:
    model, x = random_vae((6, 3)).double(), random_images(2)
    code, jacobian = path_jacobian(model, x)
    noise, step = random_images(2, seed=5), 1e-6

    def shifted(size: float) -> Tensor:
        with torch.no_grad():
            return torch.cat(model.encode(x + size * noise).z, dim=-1)

    differences = (shifted(step) - shifted(-step)) / (2 * step)
    along = (jacobian @ noise.flatten(1)[..., None])[..., 0]
    assert along.flatten().tolist() == pytest.approx(differences.flatten().tolist(), abs=1e-7)
    assert torch.equal(code, shifted(0.0))


def test_the_identity_keeps_the_rest_of_the_way() -> None:
    model = identity_autoencoder()
    (found,) = first_order_gaps(model, [pair_of(model)], BUDGETS)
    assert found == pytest.approx([1 - epsilon for epsilon in BUDGETS], abs=1e-6)


def test_units_count_in_standard_deviations_of_the_target() -> None:
    """The better known unit moves first, as in the KL."""
    model = random_linear(latents=2)
    narrow = replace(model, std=torch.tensor([1e-4, 1.0], dtype=torch.float64))
    pair = pair_of(model)
    x, target = pair.x[None], pair.target[None]
    change = (narrow.encode(target).z[0] - narrow.encode(x).z[0])[0]
    _, jacobian = path_jacobian(narrow, x)
    (found,) = first_order_gaps(narrow, [pair], [0.2])
    row, radius = jacobian[0, 0], 0.2 * pair.image_distance
    first = change[0].clamp(-radius * row.norm(), radius * row.norm())
    assert abs(first) < abs(change[0]), "the radius is meant to be too small"
    d = radius * row / row.norm() * change[0].sign()
    images = narrow.decode((narrow.encode(x + d.view_as(x)).z[0],)).mean
    assert found == pytest.approx(pair.gap(images).tolist(), rel=1e-3)


def test_pairs_in_parts_have_the_same_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_vae((6, 3)).double()
    pairs = [Pair.of(model, *random_images(2, seed)) for seed in range(3)]
    whole = first_order_gaps(model, pairs, BUDGETS)
    monkeypatch.setattr(first_order, "_ENTRIES", 1)
    for found, expected in zip(first_order_gaps(model, pairs, BUDGETS), whole, strict=True):
        assert found == pytest.approx(expected)
    assert len({gaps[0] for gaps in whole}) == 3


class Silent(LinearAutoencoder):
    """An encoder without a gradient."""

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        return super().encode(x.detach(), noise)


class Trainable(LinearAutoencoder):
    """The same with a weight that has a gradient."""

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        weight = torch.ones((), dtype=x.dtype, requires_grad=True)
        return super().encode(x.detach() * weight, noise)


class Rounding(LinearAutoencoder):
    """An encoder whose gradient is 0 everywhere."""

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        return super().encode(x.round(decimals=2), noise)


class Undefined(LinearAutoencoder):
    """An encoder whose codes are finite and whose gradient is not."""

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        return super().encode(x + 0 * (x - x.detach()).abs().sqrt(), noise)


class Pointwise(LinearAutoencoder):
    """An autoencoder without a posterior."""

    capabilities = Capabilities(posterior=False, prior=False)


@pytest.mark.parametrize("kind", [Silent, Trainable, Rounding, Undefined, Pointwise])
def test_a_model_without_the_derivative_has_no_value(kind: type[LinearAutoencoder]) -> None:
    of = random_linear()
    model = kind(of.encoder, of.decoder)
    assert first_order_gaps(model, [pair_of(model)] * 2, BUDGETS) == [[None] * len(BUDGETS)] * 2


def test_a_large_code_has_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_linear(latents=5)
    for name, largest in (("LARGEST_CODE", 5), ("LARGEST_JACOBIAN", 5 * 256)):
        monkeypatch.setattr(first_order, name, largest)
        assert first_order_gaps(model, [pair_of(model)], [0.1]) != [[None]]
        monkeypatch.setattr(first_order, name, largest - 1)
        assert first_order_gaps(model, [pair_of(model)], [0.1]) == [[None]]
        monkeypatch.setattr(first_order, name, largest)


def test_the_codes_of_a_chain_are_decoded_layer_by_layer() -> None:
    """Against least squares over a ball by SciPy and the model's own decoder."""
    model = random_vae((6, 3)).double()
    pair = Pair.of(model, *random_images(2))
    target = model.encode(pair.target[None])
    code, jacobian = path_jacobian(model, pair.x[None])
    std = torch.cat([q.std for q in target.layers], dim=-1)[0]
    matrix = (jacobian[0] / std[:, None]).numpy()
    change = ((torch.cat(target.z, dim=-1) - code)[0] / std).numpy()
    moved = by_scipy(matrix, change, 0.01 * pair.image_distance)
    reached = code[0] + torch.from_numpy(moved) * std
    image = model.decode((reached[None, :6], reached[None, 6:])).mean
    gaps = first_order_gaps(model, [pair], [0.01])[0]
    assert 0.1 < gaps[0] < 0.9
    assert gaps == pytest.approx(pair.gap(image).tolist(), rel=1e-4)


def test_without_pairs_nothing_is_measured() -> None:
    assert first_order_gaps(random_linear(), [], BUDGETS) == []


def test_the_gap_of_an_encoder_that_ignores_the_image_is_undefined() -> None:
    of = random_linear()
    blind = LinearAutoencoder(torch.zeros_like(of.encoder), of.decoder)
    assert first_order_gaps(blind, [pair_of(blind)], [0.5]) == [[None]]
