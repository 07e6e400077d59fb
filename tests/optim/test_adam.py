"""Adam: against torch's classes and the published recursion, with a stored state."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from seatbelt_vae.optim import Adam


def network():
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(3, 2), nn.Linear(7, 1))
    return layers.to(memory_format=torch.channels_last)


def gradients(model, step):
    """Gradients of a batch; the last layer has none."""
    x = torch.randn(5, 2, 3, 3, generator=torch.Generator().manual_seed(step))
    model[:-1](x).square().mean().backward()


def steps(model, optimizer, numbers):
    for step in numbers:
        optimizer.zero_grad()
        gradients(model, step)
        optimizer.step()


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_it_equals_the_class_of_torch(decay):
    ours, theirs = network(), network()
    steps(ours, Adam(ours, 0.01, betas=(0.5, 0.9), weight_decay=decay), range(4))
    kind = torch.optim.AdamW if decay else torch.optim.Adam
    options = {"betas": (0.5, 0.9), "weight_decay": decay, "fused": True}
    steps(theirs, kind(theirs.parameters(), 0.01, **options), range(4))
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(ours[-1].weight, network()[-1].weight)


def test_a_changed_rate_and_a_decay_follow_the_recursion():
    weight = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    optimizer = Adam({"w": weight}, 0.1, weight_decay=0.3)
    m, v, w = np.zeros(2), np.zeros(2), np.array([1.0, -2.0])
    for step, rate in enumerate((0.1, 0.05, 0.2), start=1):
        optimizer.learning_rate = rate
        gradient = np.array([0.5, -1.0]) * step
        weight.grad = torch.from_numpy(gradient)
        optimizer.step()
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        w = w - rate * 0.3 * w
        w = w - rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        np.testing.assert_allclose(weight.detach().numpy(), w, rtol=1e-12)


def test_a_stored_state_goes_on_bit_for_bit():
    whole = network()
    optimizer = Adam(whole, 0.01)
    steps(whole, optimizer, range(2))
    resumed, stored = copy.deepcopy(whole), optimizer.tensors("adam")
    # a file has plain memory
    loaded = {
        name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in stored.items()
    }
    assert {name for name in loaded if name.startswith("adam.0.weight")} == {
        f"adam.0.weight.{moment}" for moment in ("exp_avg", "exp_avg_sq", "step")
    }
    assert not any(name.startswith("adam.3.") for name in loaded)
    other = Adam(resumed, 0.01)
    other.load("adam", loaded)
    steps(whole, optimizer, range(2, 4))
    steps(resumed, other, range(2, 4))
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)
