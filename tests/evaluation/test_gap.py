"""The reconstruction gap and the distortion, by closed form on linear models."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.stand_ins import (
    SHAPE,
    identity_autoencoder,
    random_images,
    random_linear,
    random_vae,
)

from seatbelt_vae.evaluation.gap import Pair, image_norm, reconstruct

MODEL = random_linear()
X, TARGET, *OTHERS = random_images(6)
PAIR = Pair.of(MODEL, X, TARGET)


def plain_norm(values: torch.Tensor) -> float:
    return math.sqrt(sum(v * v for v in values.flatten().tolist()))


def test_norm_is_summed_in_float64() -> None:
    images = torch.full((2, *SHAPE), 1e-3, dtype=torch.float32)
    images[..., 0, 0] = 3e3
    assert image_norm(images)[0].item() == pytest.approx(plain_norm(images[0]), rel=1e-14)


def test_linear_model_in_closed_form() -> None:
    product = MODEL.decoder @ MODEL.encoder
    star = torch.stack(OTHERS)
    expected = [
        plain_norm(product @ (s - TARGET).flatten()) / plain_norm(product @ (X - TARGET).flatten())
        for s in star
    ]
    assert PAIR.gap(reconstruct(MODEL, star)).tolist() == pytest.approx(expected, rel=1e-10)
    of_target = plain_norm(product @ TARGET.flatten() - TARGET.flatten())
    unmoved = plain_norm(product @ X.flatten() - TARGET.flatten())
    distortion = [
        (plain_norm(product @ s.flatten() - TARGET.flatten()) - of_target) / (unmoved - of_target)
        for s in star
    ]
    assert PAIR.distortion(reconstruct(MODEL, star)).tolist() == pytest.approx(distortion, rel=1e-9)
    assert PAIR.target_reconstruction_error == pytest.approx(of_target)
    distance = [plain_norm(s - X) / plain_norm(TARGET - X) for s in star]
    assert PAIR.distance_relative(star).tolist() == pytest.approx(distance)


@pytest.mark.parametrize("measure", ["gap", "distortion"])
def test_input_is_unmoved_and_target_is_fooled(measure: str) -> None:
    ends = getattr(PAIR, measure)(reconstruct(MODEL, torch.stack([X, TARGET])))
    assert ends.tolist() == pytest.approx([1, 0], abs=1e-12)


@given(st.integers(0, 1000), st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_ends_and_blends_of_any_linear_model(seed: int, epsilon: float) -> None:
    model, (x, target) = random_linear(seed=seed), random_images(2, seed=seed + 1)
    pair = Pair.of(model, x, target)
    blended = torch.stack([x, target, x + epsilon * (target - x)])
    # a linear map keeps straight lines: the gap of the blend is that of the identity
    assert pair.gap(reconstruct(model, blended)).tolist() == pytest.approx(
        [1, 0, 1 - epsilon], abs=1e-9
    )


def affine_pair(separation: float, distortion_range: float) -> Pair:
    """A pair at image distance 1 with the given denominators."""
    x, target = torch.zeros(2, *SHAPE, dtype=torch.float64)
    target[0, 0, 0] = 1
    reconstruction, aimed = x.clone(), x.clone()
    aimed[0, 0, 0] = 1 - 1.0
    reconstruction[0, 0, 1] = separation
    if distortion_range:
        aimed, reconstruction = target.clone(), target.clone()
        reconstruction[0, 0, 1] = distortion_range
    return Pair(x, target, reconstruction, aimed)


def test_told_apart_at_a_fifth_of_the_image_distance() -> None:
    assert affine_pair(0.2, 0).gap_is_defined
    assert not affine_pair(0.1999, 0).gap_is_defined
    # rec(x) moves at a right angle: reconstructions differ, distances to x_t hardly do
    assert not affine_pair(0.6, 0).distortion_is_defined
    assert affine_pair(0, 0.2).distortion_is_defined
    assert not affine_pair(0, 0.1999).distortion_is_defined


def test_equal_images_or_reconstructions_are_not_told_apart() -> None:
    assert not Pair.of(MODEL, X, X).gap_is_defined
    collapsed = Pair(X, TARGET, X, X)
    assert not collapsed.gap_is_defined
    assert not bool(collapsed.gap(X).isfinite())


def test_identity_reconstructs_and_batches_do_not_matter() -> None:
    images = random_images(5)
    assert torch.equal(reconstruct(identity_autoencoder(), images), images)
    vae = random_vae()
    single = torch.cat([vae.decode(vae.encode(i[None].float()).z).mean for i in images])
    found = reconstruct(vae, images.float(), batch=2)
    torch.testing.assert_close(found, single.detach(), rtol=1e-5, atol=1e-6)


def test_reconstruct_slices_noise_with_its_images() -> None:
    images = random_images(5)
    noise = [torch.randn(3, 5, 5, generator=torch.Generator().manual_seed(0)).double()]
    whole = reconstruct(MODEL, images, noise, batch=5)
    assert whole.shape == (3, 5, *SHAPE)
    torch.testing.assert_close(reconstruct(MODEL, images, noise, batch=2), whole)
