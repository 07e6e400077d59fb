"""PSNR, SSIM and code displacements against NumPy and SciPy."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.ndimage import gaussian_filter

from seatbelt_vae.auditing.similarity import code_displacement, psnr, ssim
from seatbelt_vae.protocol import Bounds, Capabilities
from tests.attacks.chain import Chain, pictures, walked

BOUNDS = Bounds(-1.0, 1.0)


def pair_of(shape, seed=0):
    random = np.random.default_rng(seed)
    a = random.uniform(-1, 1, shape)
    return a, np.clip(a + random.normal(0, 0.3, shape), -1, 1)


def scikit_image_ssim(a, b, span):
    """One channel of `structural_similarity` with Gaussian weights, as scikit-image defines it."""

    def smooth(values):
        return gaussian_filter(values, sigma=1.5, truncate=3.5)

    mean_a, mean_b = smooth(a), smooth(b)
    variance_a, variance_b = smooth(a * a) - mean_a**2, smooth(b * b) - mean_b**2
    covariance = smooth(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    values = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    )
    return values[5:-5, 5:-5].mean()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(3, 24, 17), (1, 11, 11)])
def test_ssim_is_that_of_scikit_image(shape, dtype):
    pairs = [pair_of(shape, seed) for seed in range(3)]
    # on [−1, 1] its luminance depends on the offset: images are compared as shares of the range
    expected = [
        np.mean(
            [scikit_image_ssim((u + 1) / 2, (v + 1) / 2, 1.0) for u, v in zip(a, b, strict=True)]
        )
        for a, b in pairs
    ]
    a, b = (torch.as_tensor(np.stack(side)).to(dtype) for side in zip(*pairs, strict=True))
    assert_allclose(ssim(a, b, BOUNDS), expected, rtol=1e-5 if dtype == torch.float32 else 1e-10)


def test_ssim_of_a_small_image_uses_the_largest_window_inside_it():
    a, b = (torch.as_tensor(side)[None] for side in pair_of((1, 4, 3)))
    weights = np.exp(-0.5 * (np.arange(-1, 2) / 1.5) ** 2)
    weights = np.outer(weights, weights) / np.outer(weights, weights).sum()
    values = []
    for top in (0, 1):
        u, v = ((side[0, 0, top : top + 3].numpy() + 1) / 2 for side in (a, b))
        mu, mv = (weights * u).sum(), (weights * v).sum()
        su, sv = (weights * (u - mu) ** 2).sum(), (weights * (v - mv) ** 2).sum()
        suv = (weights * (u - mu) * (v - mv)).sum()
        values.append(
            (2 * mu * mv + 1e-4) * (2 * suv + 9e-4) / ((mu**2 + mv**2 + 1e-4) * (su + sv + 9e-4))
        )
    assert_allclose(ssim(a, b, BOUNDS), [np.mean(values)], rtol=1e-9)
    assert_allclose(ssim(a, a, BOUNDS), [1.0])


def test_psnr_is_the_peak_over_the_root_mean_square():
    a, b = (torch.as_tensor(side).float()[None] for side in pair_of((3, 5, 4)))
    rms = np.sqrt(np.mean((a.numpy() - b.numpy()).astype(float) ** 2))
    assert_allclose(psnr(a, b, BOUNDS), [20 * np.log10(2 / rms)], rtol=1e-6)
    assert psnr(a, a, BOUNDS).item() == np.inf


def test_ranges_of_channels_count_each_for_itself():
    a, b = (torch.as_tensor(side)[None] for side in pair_of((2, 12, 12)))
    scale = torch.tensor([1.0, 50.0]).view(2, 1, 1).double()
    bounds = Bounds(-scale + 3, scale + 3)
    for measure in (psnr, ssim):
        assert_allclose(measure(scale * a + 3, scale * b + 3, bounds), measure(a, b, BOUNDS))


def test_inputs_without_bounds_have_no_peak_and_vectors_no_structure():
    unbounded = Bounds(-torch.inf, torch.inf)
    images, vectors = torch.rand(2, 1, 12, 12), torch.rand(2, 5)
    assert psnr(vectors, vectors, unbounded) is None
    assert ssim(images, images, unbounded) is None
    assert ssim(vectors, vectors, BOUNDS) is None


def test_displacements_are_in_standard_deviations_of_the_clean_posterior():
    model, x, attacked = Chain(3, 2), pictures(4), pictures(4, 2)
    expected = []
    for clean, moved in zip(x.numpy(), attacked.numpy(), strict=True):
        pairs = zip(walked(model, clean), walked(model, moved), strict=True)
        moves = np.concatenate([(m.mean - c.mean) / c.std for c, m in pairs])
        expected.append(np.sqrt(np.mean(moves**2)))
    assert_allclose(code_displacement(model, x, attacked), expected, rtol=1e-9)
    model.capabilities = Capabilities(posterior=False)
    assert code_displacement(model, x, attacked) is None
