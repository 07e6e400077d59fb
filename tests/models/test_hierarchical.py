"""The maps against NumPy, refused shapes, and draws from the prior."""

import numpy as np
import pytest
import torch

from seatbelt_vae.config import ModelConfig, resolve
from seatbelt_vae.errors import ShapeError
from seatbelt_vae.models import HierarchicalVAE
from seatbelt_vae.protocol import draw_noise

SIZES = (4, 3, 2)


def _model(preset: str = "seatbelt", **settings: object) -> HierarchicalVAE:
    torch.manual_seed(0)
    config = ModelConfig(
        preset,
        latent_sizes=SIZES,
        network="mlp",
        features=6,
        hierarchy_widths=(7, 5),
        **settings,
    )
    model = HierarchicalVAE(resolve(config, "dsprites", (1, 3, 3), (-1.0, 1.0))).double()
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.1 * (tensor.ndim == 1))
    for parameter in model.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, 0.0, 0.5)
    return model.eval()


class ByHand:
    """The same model in NumPy, from its stored weights alone."""

    def __init__(self, model: HierarchicalVAE) -> None:
        self.weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}

    def linear(self, name: str, x: np.ndarray) -> np.ndarray:
        out = x @ self.weights[f"{name}.weight"].T
        return out + self.weights.get(f"{name}.bias", 0.0)

    def hidden(self, name: str, x: np.ndarray) -> np.ndarray:
        """Two times Linear, BatchNorm, LeakyReLU."""
        for linear, norm in ((0, 1), (3, 4)):
            w = {key: self.weights[f"{name}.{norm}.{key}"] for key in ("weight", "bias")}
            mean = self.weights[f"{name}.{norm}.running_mean"]
            variance = self.weights[f"{name}.{norm}.running_var"]
            x = (self.linear(f"{name}.{linear}", x) - mean) / np.sqrt(variance + 1e-5)
            x = x * w["weight"] + w["bias"]
            x = np.where(x > 0, x, 0.01 * x)
        return x

    def encode(self, x: np.ndarray, noise: list[np.ndarray]) -> tuple[list, list]:
        features = x.reshape(len(x), -1)
        for layer in (1, 3):
            features = np.maximum(self.linear(f"encoder.{layer}", features), 0)
        outputs, path = [self.linear("posterior_head", features)], []
        for i, eps in enumerate(noise):
            if i > 0:
                hidden = self.hidden(
                    f"posterior_nets.{i - 1}.0", np.concatenate([features, path[-1]], axis=-1)
                )
                outputs.append(self.linear(f"posterior_nets.{i - 1}.1", hidden))
            units = SIZES[i]
            mean, log_variance = outputs[-1][:, :units], outputs[-1][:, units:]
            path.append(mean + np.exp(0.5 * log_variance) * eps)
        return outputs, path

    def prior(self, layer: int, above: np.ndarray) -> np.ndarray:
        hidden = self.hidden(f"prior_nets.{layer}.0", above)
        return self.linear(f"prior_nets.{layer}.1", hidden)

    def decode(self, z: np.ndarray) -> np.ndarray:
        for layer in (0, 2, 4):
            z = np.tanh(self.linear(f"decoder.{layer}", z))
        return self.linear("decoder.6", z).reshape(-1, 1, 3, 3)


def _probe(*draws: int) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(5, 1, 3, 3, generator=generator, dtype=torch.float64)
    return x, draw_noise(SIZES, (*draws, 5), generator, like=x)


def _close(found: torch.Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("preset", ["seatbelt", "dlgm"])
def test_the_maps_are_those_of_the_equations(preset: str) -> None:
    model, (x, noise) = _model(preset), _probe()
    by_hand = ByHand(model)
    outputs, path = by_hand.encode(x.numpy(), [eps.numpy() for eps in noise])
    posterior = model.encode(x, noise)
    prior = model.prior(posterior.z)
    for i, units in enumerate(SIZES):
        _close(posterior.layers[i].mean, outputs[i][:, :units])
        _close(posterior.layers[i].log_variance, outputs[i][:, units:])
        _close(posterior.z[i], path[i])
        if i + 1 < len(SIZES):
            below = by_hand.prior(i, path[i + 1])
            _close(prior[i].mean, below[:, :units])
            _close(prior[i].log_variance, below[:, units:])
    seen = path[0] if preset == "dlgm" else np.concatenate(path, axis=-1)
    _close(model.decode(posterior.z).mean, by_hand.decode(seen))


def test_the_mean_path_is_the_path_of_no_noise() -> None:
    model, (x, noise) = _model(), _probe()
    still = model.encode(x, [torch.zeros_like(eps) for eps in noise])
    for mean, zero in zip(model.encode(x).z, still.z, strict=True):
        assert torch.equal(mean, zero)


def test_the_conditionals_between_layers_start_with_unit_variance() -> None:
    for preset in ("hvae", "seatbelt", "tc-dlgm"):
        config = ModelConfig(preset, latent_sizes=SIZES, hierarchy_widths=(7, 5))
        model = HierarchicalVAE(resolve(config, "dsprites", (1, 32, 32), (-1.0, 1.0)))
        x = torch.rand(5, 1, 32, 32)
        far = [1e6 * torch.randn(5, units) for units in SIZES]
        normals = (*model.encode(x).layers[1:], *model.prior(far)[:-1])
        assert len(normals) == 4
        for normal in normals:
            assert normal.mean.std() > 0.01
            assert not normal.log_variance.any()


def test_log_variances_are_clamped_to_plus_minus_twenty() -> None:
    model, (x, _) = _model(), _probe()
    with torch.no_grad():
        model.posterior_head.bias[SIZES[0] :] = torch.tensor([1e4, -1e4, 0.0, 0.0])
    found = model.encode(x).layers[0].log_variance
    assert (found[:, 0] == 20).all()
    assert (found[:, 1] == -20).all()
    assert (found[:, 2:].abs() < 20).all()


def test_distributions_keep_float32_under_bf16_autocast() -> None:
    model, (x, _) = _model().float(), _probe()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        posterior = model.encode(x.float())
        prior = model.prior(posterior.z)
        image = model.decode(posterior.z).mean
    for normal in (*posterior.layers, *prior):
        assert normal.mean.dtype == normal.log_variance.dtype == torch.float32
    assert image.dtype == torch.float32


def test_images_are_generated_from_the_top_down() -> None:
    model = _model()
    by_hand = ByHand(model)
    found = model.generate(6, torch.Generator().manual_seed(4))
    noise = draw_noise(SIZES, (6,), torch.Generator().manual_seed(4), like=found)
    path = [noise[-1].numpy()]
    for layer in (1, 0):
        below = by_hand.prior(layer, path[0])
        mean, log_variance = below[:, : SIZES[layer]], below[:, SIZES[layer] :]
        path.insert(0, mean + np.exp(0.5 * log_variance) * noise[layer].numpy())
    _close(found, by_hand.decode(np.concatenate(path, axis=-1)))


def test_images_of_another_shape_are_refused() -> None:
    model = _model()
    for shape in ((5, 1, 3, 4), (1, 3, 3), (5, 9), (2, 5, 1, 3, 3)):
        with pytest.raises(ShapeError) as caught:
            model.encode(torch.zeros(shape))
        assert str(caught.value) == (
            f"images of shape {shape}, expected (batch, 1, 3, 3) as in the architecture"
        )


def test_noise_of_another_shape_is_refused() -> None:
    model, (x, noise) = _model(), _probe()
    for wrong in (noise[:2], [eps[:4] for eps in noise], noise[::-1]):
        got = [tuple(eps.shape) for eps in wrong]
        with pytest.raises(ShapeError) as caught:
            model.encode(x, wrong)
        assert str(caught.value) == (
            f"noise of shapes {got}, expected [(5, 4), (5, 3), (5, 2)] (batch, units) per layer"
        )
