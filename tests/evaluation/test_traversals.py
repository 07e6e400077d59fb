"""Traversals: one residual changes, the others stay, and lower layers follow their prior."""

import pytest
import torch
from tests.evaluation.stand_ins import random_images, random_linear, random_vae

from seatbelt_vae.evaluation.gap import reconstruct
from seatbelt_vae.evaluation.traversals import residuals, traverse, walk_down
from seatbelt_vae.protocol import draw_noise

X = random_images(3, dtype=torch.float32)
MODEL = random_vae((6, 4, 3)).double()


def test_walk_down_inverts_residuals() -> None:
    noise = draw_noise(MODEL.latent_sizes, (3,), torch.Generator().manual_seed(0), like=X.double())
    z = MODEL.encode(X.double(), noise).z
    e = residuals(MODEL, z)
    for before, after in zip(z, walk_down(MODEL, e), strict=True):
        torch.testing.assert_close(after, before)
    torch.testing.assert_close(e[-1], z[-1])
    prior = MODEL.prior(z)[0]
    torch.testing.assert_close(e[0], (z[0] - prior.mean) / prior.variance.sqrt())


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_traversal_by_hand(layer: int) -> None:
    x = X.double()
    activity = [torch.arange(d, dtype=torch.float64) for d in MODEL.latent_sizes]
    found = traverse(MODEL, x, activity, units=2, steps=3)
    assert found.images.shape == (3, 6, 3, 1, 16, 16)
    assert found.value.tolist() == [-3, 0, 3]
    sizes = MODEL.latent_sizes
    assert found.layer.tolist() == [0, 0, 1, 1, 2, 2]
    assert found.unit.tolist() == [d - k for d in sizes for k in (1, 2)]

    column, unit = 2 * layer, sizes[layer] - 1
    z = list(MODEL.encode(x).z)
    e = [(zi - p.mean) / p.std for zi, p in zip(z, MODEL.prior(z), strict=True)]
    e[layer][:, unit] = 3.0
    z[2] = e[2]
    z[1] = MODEL.prior(z)[1].sample(e[1])
    z[0] = MODEL.prior(z)[0].sample(e[0])
    torch.testing.assert_close(found.images[:, column, 2], MODEL.decode(z).mean)


def test_the_image_itself_lies_on_its_traversal() -> None:
    model = random_linear()
    x = X.double()
    t = float(model.encode(x).z[0][1, 4])
    found = traverse(model, x, [torch.tensor([0.0, 0, 0, 0, 1])], units=1, steps=2)
    low, high = found.images[1, 0]
    # a linear decoder: the picture at t lies on the line between the ends
    at = torch.lerp(low, high, torch.tensor((t + 3) / 6, dtype=torch.float64))
    torch.testing.assert_close(at, reconstruct(model, x)[1])


def test_no_images_no_pictures() -> None:
    found = traverse(MODEL, X[:0].double(), [torch.zeros(d) for d in MODEL.latent_sizes])
    assert found.images.shape[0] == 0
    assert set(found.tensors()) == {
        "traversals",
        "traversal_layer",
        "traversal_unit",
        "traversal_value",
    }
