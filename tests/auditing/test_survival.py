"""Transformations against Pillow, SciPy and statistics; shares against arithmetic."""

from io import BytesIO

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from PIL import Image

from seatbelt_vae.auditing.survival import add_noise, compress, gap, resize, survival
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import Bounds
from seatbelt_vae.subjects.adapters.reconstruct_only import Reconstruction
from tests.attacks.chain import Chain, pictures, reconstructed, walked

BOUNDS = Bounds(-1.0, 1.0)


def smooth_images(channels, size=(16, 12)):
    rows, columns = (torch.linspace(-1, 1, side) for side in size)
    planes = [torch.outer((k + 1) * rows.sin(), columns) for k in range(channels)]
    return torch.stack(planes)[None].clamp(-1, 1)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_compression_is_that_of_pillow(channels):
    images = torch.cat([smooth_images(channels), -smooth_images(channels)])
    bytes_ = np.clip(np.round(255 * (images.numpy() + 1) / 2), 0, 255).astype(np.uint8)
    expected = np.empty(images.shape)
    for index, image in enumerate(bytes_):
        planes = [image.transpose(1, 2, 0)] if channels == 3 else image
        found = []
        for plane in planes:
            file = BytesIO()
            Image.fromarray(plane).save(file, format="JPEG", quality=75)
            found.append(np.asarray(Image.open(file)))
        expected[index] = found[0].transpose(2, 0, 1) if channels == 3 else found
    assert_allclose(compress(images, BOUNDS), expected / 255 * 2 - 1, atol=1e-6)
    coarse = (compress(images, BOUNDS, quality=5) - images).norm()
    assert 0 < (compress(images, BOUNDS) - images).norm() < coarse


def test_each_channel_is_compressed_in_its_own_range():
    images, scale = smooth_images(3), torch.tensor([1.0, 10.0, 0.1]).view(3, 1, 1)
    found = compress(scale * images + 3, Bounds(3 - scale, 3 + scale))
    assert_allclose(found, scale * compress(images, BOUNDS) + 3, atol=1e-4)


def test_resizing_removes_what_half_the_size_cannot_hold():
    chess = (-1.0) ** torch.arange(8)[:, None] * (-1.0) ** torch.arange(8)
    assert resize(chess[None, None]).abs().max() < 0.2
    # antialiased halving weighs pixels by triangles of width 4: 1 3 3 1 over 8 inside the image
    line = torch.arange(10.0).square().repeat(6, 1)[None, None]
    small = np.convolve(line[0, 0, 0], [1 / 8, 3 / 8, 3 / 8, 1 / 8], "valid")[1::2]
    expected = [0.75 * small[0] + 0.25 * small[1], 0.25 * small[0] + 0.75 * small[1]]
    assert_allclose(resize(line)[0, 0, 3, 3:5], expected)
    assert resize(torch.rand(1, 3, 7, 5)).shape == (1, 3, 7, 5)


def test_noise_has_the_size_of_its_unit_and_keeps_the_bounds():
    x = torch.zeros(40, 3, 50, dtype=torch.float64)
    noise = add_noise(x, BOUNDS, seed=1)
    assert_allclose(noise.std(), 0.1, rtol=0.02)
    assert_allclose(noise[:, 0].flatten() @ noise[:, 1].flatten() / 2000, 0, atol=1e-3)
    assert add_noise(x + 1, BOUNDS).max() == 1
    unit = torch.tensor([1.0, 20.0, 0.1]).view(3, 1)
    scaled = add_noise(x, Bounds(-torch.inf, torch.inf), unit=unit, seed=1)
    assert_allclose(scaled, noise / 2 * unit)
    assert_allclose(add_noise(x[:2], BOUNDS, seed=1), noise[:2])
    assert not torch.equal(add_noise(x, BOUNDS, seed=2), noise)
    with pytest.raises(ConfigError, match=r"^noise for inputs without bounds: give its unit, a s"):
        add_noise(x, Bounds(-torch.inf, torch.inf))


def test_gaps_are_relative_to_the_clean_reconstruction():
    model, x, target, attacked = Chain(3, 2), pictures(3), pictures(3, 2), pictures(3, 3)
    expected = []
    for images in zip(*(side.numpy() for side in (x, target, attacked)), strict=True):
        r, aim, found = (reconstructed(model, walked(model, image)) for image in images)
        expected.append(np.linalg.norm(found - aim) / np.linalg.norm(r - aim))
    assert_allclose(gap(model, x, target, attacked), expected, rtol=1e-9)


def test_each_transformation_is_between_the_attacked_input_and_the_model():
    """The identity reconstructs; an input that equals its target is fooled altogether."""
    x, target = smooth_images(3), -smooth_images(3)
    model = Reconstruction(lambda inputs: inputs, (3, 16, 12), BOUNDS)
    found = survival(model, x, target, target, seed=3)
    assert list(found) == ["jpeg", "resize", "noise"]
    changed = {
        "jpeg": compress(target, BOUNDS),
        "resize": resize(target),
        "noise": add_noise(target, BOUNDS, seed=3),
    }
    for name, inputs in changed.items():
        assert found[name].before.tolist() == [0.0]
        left = (inputs - target).double().norm() / (x - target).double().norm()
        assert_allclose(found[name].after, [left], rtol=1e-6)


def test_vectors_only_get_noise():
    model = Reconstruction(lambda inputs: inputs, (5,), None)
    x, target = torch.zeros(2, 5), torch.ones(2, 5)
    assert list(survival(model, x, target, target, unit=torch.ones(5))) == ["noise"]
