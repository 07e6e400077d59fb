"""Universal distortions of a linear model in closed form, and their damage by hand."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from seatbelt_vae.attacks.threats import Budget
from seatbelt_vae.auditing.universal import universal_distortion
from seatbelt_vae.errors import DataError
from seatbelt_vae.subjects.adapters.reconstruct_only import Reconstruction
from tests.attacks.chain import Chain, pictures, reconstructed, walked
from tests.attacks.models import SHAPE, Linear

LEVEL = 0.2


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_it_is_the_worst_direction_of_a_linear_model(norm):
    model, inputs = Linear(), torch.randn(7, *SHAPE, generator=torch.Generator().manual_seed(2))
    found = universal_distortion(model, inputs.double(), Budget(norm), LEVEL, micro_batch=5)
    matrix = (model.w @ model.a).numpy()
    if norm == "l2":
        worst = np.linalg.svd(matrix)[1][0]
    else:
        corners = 1 - 2.0 * ((np.arange(2**16)[:, None] >> np.arange(16)) & 1)
        worst = np.linalg.norm(corners @ matrix.T, axis=1).max() / 4
    assert_allclose(found.fitted, np.full(4, worst), rtol=1e-3)
    assert_allclose(found.held_out, found.fitted[:3], rtol=1e-6)
    assert (found.noise < found.held_out).all()
    assert found.distortion.shape == SHAPE
    assert Linear.bounds == (-5.0, 5.0)  # no input is clipped


@pytest.mark.parametrize("micro_batch", [1, 64])
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_damage_is_measured_on_clipped_inputs_and_over_the_largest_norm(norm, micro_batch):
    model, inputs = Chain(3, 2), 2 * pictures(9)
    found = universal_distortion(model, inputs, Budget(norm), LEVEL, micro_batch=micro_batch)
    d = found.distortion.numpy()
    size = np.linalg.norm(d) if norm == "l2" else np.abs(d).max()
    assert size <= LEVEL * (1 + 1e-6)
    largest = LEVEL if norm == "l2" else LEVEL * np.sqrt(6)
    assert (np.abs(inputs.numpy() + d) > 2).any()
    expected = []
    for image in inputs.numpy():
        moved = np.clip(image + d, -2, 2)
        change = reconstructed(model, walked(model, moved)) - reconstructed(
            model, walked(model, image)
        )
        expected.append(np.linalg.norm(change) / largest)
    assert_allclose(found.fitted, expected[:5], rtol=1e-9)
    assert_allclose(found.held_out, expected[5:], rtol=1e-9)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_it_is_better_than_random_distortions_and_noise_of_its_size(norm):
    model, inputs = Chain(3, 2), 2 * pictures(12)
    found = universal_distortion(model, inputs, Budget(norm), LEVEL)
    d = torch.randn(500, *inputs.shape[1:], generator=torch.Generator().manual_seed(0)).double()
    d = d.sign() if norm == "linf" else d / d.flatten(1).norm(dim=1)[:, None, None, None]
    moved = (inputs[:6] + LEVEL * d[:, None]).clamp(-2, 2)
    changes = model.decode(model.encode(moved.flatten(0, 1)).z).mean.unflatten(0, (500, 6))
    changes = changes - model.decode(model.encode(inputs[:6]).z).mean
    largest = LEVEL if norm == "l2" else LEVEL * np.sqrt(6)
    best = changes.flatten(2).norm(dim=2).mean(1).max() / largest
    assert found.fitted.mean() >= best * (1 - 1e-6)
    assert found.noise.mean() < found.held_out.mean()


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_noise_has_the_norms_of_the_distortion(norm):
    """A model that returns its input is damaged by the norm alone."""
    model = Reconstruction(lambda inputs: inputs, (6,), None, torch.float64)
    inputs = pictures(5).flatten(1)
    found = universal_distortion(model, inputs, Budget(norm), LEVEL)
    assert_allclose(found.held_out, [1.0, 1.0], rtol=1e-5)
    assert_allclose(found.noise, found.held_out)


def test_results_repeat():
    model, inputs = Chain(3, 2), pictures(4)
    first, again, other = (
        universal_distortion(model, inputs, Budget("linf"), LEVEL, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(first.noise, again.noise)
    assert not torch.equal(first.noise, other.noise)


def test_one_input_has_no_other_half():
    with pytest.raises(DataError, match=r"^1 inputs for a universal distortion, expected two or m"):
        universal_distortion(Chain(3), pictures(1), Budget("l2"), LEVEL)
