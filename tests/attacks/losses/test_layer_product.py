"""GRILL's product of layer changes and the change of the reconstruction."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from seatbelt_vae import wrap
from seatbelt_vae.attacks import LayerProduct, attack
from seatbelt_vae.config import AttackConfig
from tests.attacks.chain import (
    Chain,
    generators,
    noise_of,
    pictures,
    reconstructed,
    slopes,
    walked,
)
from tests.attacks.models import SHAPE, images

PATHS = ["mean", "common", "sampled"]


class Network(nn.Module):
    """Encoder and decoder of two layers each; the decoder's rectifier works in place."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first, self.code = nn.Linear(16, 8), nn.Linear(8, 3)
            self.wide, self.out = nn.Linear(3, 8), nn.Linear(8, 16)
        self.relu, self.sigmoid = nn.ReLU(inplace=True), nn.Sigmoid()
        self.double().eval()

    def encode(self, x):
        return self.code(self.sigmoid(self.first(x.flatten(1))))

    def decode(self, z):
        return self.out(self.relu(self.wide(z))).reshape(-1, *SHAPE)


def layers_of(net, x):
    """The outputs of all layers, written out; a rectifier in place replaces its input."""
    weights = {k: v.detach().numpy() for k, v in net.state_dict().items()}

    def linear(name, values):
        return weights[f"{name}.weight"] @ values + weights[f"{name}.bias"]

    first = linear("first", x.ravel())
    hidden = 1 / (1 + np.exp(-first))
    code = linear("code", hidden)
    wide = np.maximum(linear("wide", code), 0)
    return [first, hidden, code, wide, wide, linear("out", wide)]


def product(attacked, clean):
    changes = [np.mean((a - b) ** 2) for a, b in zip(attacked, clean, strict=True)]
    return -sum(changes) * changes[-1]


def test_layers_of_a_network_are_observed():
    net, x, rows = Network(), torch.stack(images(1)), [1, 0, 1]
    points = torch.stack([*images(2), images(3)[0]]).requires_grad_()
    model = wrap(net, SHAPE, bounds=(-5.0, 5.0))
    bound = LayerProduct().bind(model, x, torch.full_like(x, torch.nan), generators(2))
    parts = bound.parts(points, torch.tensor(rows))

    def value(image, row):
        return product(layers_of(net, image), layers_of(net, x[row].numpy()))

    inputs = points.detach().numpy()
    expected = [[value(image, row)] for image, row in zip(inputs, rows, strict=True)]
    assert_allclose(parts.detach(), expected, rtol=1e-9)
    (gradient,) = torch.autograd.grad(parts.sum(), points)
    assert_allclose(gradient[1], slopes(lambda i: value(i, 0), inputs[1]), rtol=1e-4, atol=1e-7)
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.parametrize("path", PATHS)
def test_without_modules_layers_are_the_codes_and_the_reconstruction(path):
    model, x, point = Chain(3, 2), pictures(1), pictures(1, 3)
    loss = LayerProduct(path=path, draws=3)
    bound = loss.bind(model, x, x, generators(1))
    ours, _ = noise_of(model, path, 3, 0)

    def layers(image, draw):
        walk = walked(model, image.numpy(), draw)
        return [*(layer.z for layer in walk), reconstructed(model, walk)]

    expected = np.mean([product(layers(point[0], e), layers(x[0], e)) for e in ours])
    assert_allclose(bound.parts(point, torch.tensor([0])).item(), expected, rtol=1e-9)
    assert (bound.floor, bound.kinked, loss.targeted) == (None, False, False)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("threat", ["l2", "linf"])
def test_the_attack_finds_the_largest_product(threat, dtype):
    net, x = Network().to(dtype), images()[0][None].to(dtype)
    model = wrap(net, SHAPE, bounds=(-5.0, 5.0))
    level = 1.0 if threat == "l2" else 0.25
    config = AttackConfig("grill", threat=threat, restarts=2, recheck=0)
    result = attack(model, x, config=config, levels=torch.tensor([0.5 * level, level]))
    assert (result.delta[0].diff() < 0).all()
    d = torch.randn(20000, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    d = level * (d / d.norm(dim=1, keepdim=True) if threat == "l2" else d.sign())
    parts = LayerProduct().bind(model, x, x, generators(1)).parts
    best = parts((x.flatten(1) + d.to(dtype)).view(-1, *SHAPE), torch.zeros(len(d)).long()).min()
    assert result.delta[0, -1] <= best.double() * (1 if threat == "l2" else 1 - 1e-3)
