"""Lipschitz networks: norms of layers by SVD, of whole maps by Jacobians, and the certificate."""

import copy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seatbelt_vae.attacks import attack
from seatbelt_vae.config import AttackConfig, ModelConfig, resolve
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.evaluation import measure_pair
from seatbelt_vae.evaluation.gap import Pair
from seatbelt_vae.models import HierarchicalVAE, fold_batch_norm
from seatbelt_vae.models.lipschitz import MaxMin, RescaledConv, RescaledLinear, rescaled
from tests.certificates import assert_certified

PLACE = (1, 16, 16), (-1.0, 1.0)
SHAPES = [(1, 16, 16), (3, 18, 20)]
SMALL = {"filters": (4, 6), "features": 8, "latent_sizes": (3,)}


def built(shape: tuple[int, int, int] = (1, 16, 16), seed: int = 0, **settings: Any) -> Any:
    """A model in float64 whose free weights are far from orthogonal."""
    torch.manual_seed(seed)
    config = ModelConfig("vae", network="lipschitz", **(SMALL | settings))
    model = HierarchicalVAE(resolve(config, "toy", shape, (-1.0, 1.0))).double().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.5 * torch.randn_like(weight)
    return model


def norm_of(layer: nn.Module, size: tuple[int, ...]) -> float:
    """The largest singular value of a layer, from its whole matrix."""
    zeros = torch.zeros(size, dtype=torch.float64)
    matrix = torch.autograd.functional.jacobian(lambda x: layer(x[None]).flatten(), zeros)
    return float(torch.linalg.matrix_norm(matrix.flatten(1), 2))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("inputs", "outputs"), [(7, 3), (3, 7), (5, 5), (1, 4)])
def test_no_layer_lengthens_a_vector(inputs: int, outputs: int, seed: int) -> None:
    torch.manual_seed(seed)
    for layer, size in (
        (RescaledLinear(inputs, outputs), ()),
        (RescaledConv(inputs, outputs), (6, 5)),
    ):
        layer.double()
        assert norm_of(layer, (inputs, *size)) == pytest.approx(1.0, abs=1e-6)  # orthogonal
        with torch.no_grad():
            layer.weight.normal_(std=3.0)
        assert 0.3 < norm_of(layer, (inputs, *size)) <= 1 + 1e-9


def test_max_min_permutes_pairs() -> None:
    x = torch.randn(5, 6, 2, generator=torch.Generator().manual_seed(0))
    found = MaxMin()(x)
    assert found.sort(dim=1).values.equal(x.sort(dim=1).values)
    assert (found[:, :3] >= found[:, 3:]).all()


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_reconstruction_has_the_stated_constant(shape: Any, likelihood: str) -> None:
    settings = {"likelihood": likelihood, "lipschitz_constants": (2.0, 6.0)}
    largest = 0.0
    for seed in range(3):
        model = built(shape, seed, **settings)
        x = 2 * torch.rand(shape, dtype=torch.float64) - 1

        def rec(x: Tensor, model: Any = model) -> Tensor:
            return model.decode(model.encode(x[None]).z).mean.flatten()

        slope = torch.autograd.functional.jacobian(rec, x).flatten(1)
        largest = max(largest, float(torch.linalg.matrix_norm(slope, 2)))
    constant = 12.0 if likelihood == "gaussian" else 6.0
    assert model.lipschitz_constant == constant
    assert constant / 500 < largest <= constant


@pytest.mark.parametrize("shape", SHAPES)
def test_constants_scale_the_mean_and_the_image(shape: Any) -> None:
    one, other = (built(shape, lipschitz_constants=c) for c in ((1.0, 1.0), (3.0, 5.0)))
    x = 2 * torch.rand(2, *shape, dtype=torch.float64) - 1
    torch.testing.assert_close(3 * one.encode(x).layers[0].mean, other.encode(x).layers[0].mean)
    torch.testing.assert_close(
        one.encode(x).layers[0].log_variance, other.encode(x).layers[0].log_variance
    )
    z = torch.randn(2, 3, dtype=torch.float64)
    torch.testing.assert_close(5 * one.decode([z]).mean, other.decode([z]).mean)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_empty_batch_keeps_its_shape(shape: Any) -> None:
    model = built(shape)
    posterior = model.encode(torch.zeros(0, *shape, dtype=torch.float64))
    assert posterior.layers[0].mean.shape == (0, 3)
    assert model.decode(posterior.z).mean.shape == (0, *shape)


def test_other_networks_have_no_constant() -> None:
    shape = resolve(ModelConfig("vae", latent_sizes=(2,)), "toy", (1, 16, 16), (-1.0, 1.0))
    assert HierarchicalVAE(shape).lipschitz_constant is None


def test_the_frozen_copy_has_plain_weights() -> None:
    model = built()
    before = copy.deepcopy(model.state_dict())
    frozen = fold_batch_norm(model)
    assert not any(isinstance(m, RescaledLinear | RescaledConv) for m in frozen.modules())
    x = 2 * torch.rand(2, 1, 16, 16, dtype=torch.float64) - 1
    torch.testing.assert_close(
        frozen.decode(frozen.encode(x).z).mean, model.decode(model.encode(x).z).mean
    )
    assert frozen.lipschitz_constant == model.lipschitz_constant == 2.0
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())


def test_weights_are_rescaled_in_full_precision_under_autocast() -> None:
    weight = torch.randn(32, 64, generator=torch.Generator().manual_seed(0))
    expected = rescaled(weight)
    with torch.autocast("cpu", torch.bfloat16):
        assert rescaled(weight).equal(expected)


def test_no_attack_goes_below_the_certificate() -> None:
    """Constants far below the slope of a good reconstruction give a certificate that binds."""
    model = built(lipschitz_constants=(1.0, 1.0)).float()
    x, target = 2 * torch.rand(2, 1, 1, 16, 16, generator=torch.Generator().manual_seed(3)) - 1
    config = AttackConfig(
        loss="output-reconstruction", threat="l2", budgets=(0.05, 0.2), recheck=0, fresh_draws=1
    )
    result = attack(model, x, target, config)
    adversarial = result.points[0].view(-1, 1, 16, 16)
    found = measure_pair(model, x[0], target[0], adversarial, result.rows(0), config)
    pair = found.pair
    for row in found.budget_rows:
        expected = 1 - row["epsilon"] * float(pair.image_distance) / pair.separation
        assert row["certified_gap"] == pytest.approx(max(0.0, expected))
    assert_certified(found.budget_rows)


def test_the_certificate_of_the_identity_is_exact() -> None:
    x, target = torch.zeros(1, 2, 2), torch.ones(1, 2, 2)
    pair = Pair(x, target, x, target)

    def certified(pair: Pair, constant: float | None) -> float | None:
        return pair.certified_gap(SimpleNamespace(lipschitz_constant=constant), 0.4)

    assert pair.image_distance == 2
    assert certified(pair, 1.0) == pytest.approx(0.8)
    assert certified(pair, 2.0) == pytest.approx(0.6)
    assert certified(pair, 20.0) == 0
    assert certified(pair, None) is None
    assert certified(Pair(x, target, x, x), 1.0) == 0


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"preset": "seatbelt", "depth": 2, "latent_sizes": None}, "one layer of latents, got 2"),
        ({"filters": (4, 5)}, "needs even filters and features, got 5"),
        ({"features": 9}, "needs even filters and features, got 9"),
        ({"lipschitz_constants": (1.0,)}, "expected two positive numbers"),
        ({"lipschitz_constants": (1.0, 0.0)}, "expected two positive numbers"),
        ({"lipschitz_constants": (1.0, float("inf"))}, "expected two positive numbers"),
        ({"network": "conv", "lipschitz_constants": (1.0, 1.0)}, "without network 'lipschitz'"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, Any], reason: str) -> None:
    chosen = {"preset": "vae", "network": "lipschitz", **SMALL} | settings
    with pytest.raises(ConfigError, match=reason):
        resolve(ModelConfig(**chosen), "toy", (1, 16, 16), (-1.0, 1.0))


def test_an_architecture_without_constants_is_no_lipschitz_network() -> None:
    shape = resolve(ModelConfig("vae", network="lipschitz", **SMALL), "toy", *PLACE)
    assert shape.lipschitz_constants == (0.5, 4.0)
    with pytest.raises(ConfigError, match="without lipschitz_constants: give two numbers"):
        replace(shape, lipschitz_constants=None)
    with pytest.raises(ConfigError, match="without network 'lipschitz', got network 'conv'"):
        replace(shape, network="conv")
