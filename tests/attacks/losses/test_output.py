"""Output losses against sums written out for one image and one draw at a time."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.stats import norm

from seatbelt_vae.attacks import OutputDistance, OutputLoss
from seatbelt_vae.distributions import BernoulliImage
from tests.attacks.chain import (
    VARIANCE,
    Chain,
    Layer,
    generators,
    noise_of,
    pictures,
    reconstructed,
    slopes,
    walked,
)
from tests.attacks.losses.formulas import kl

PATHS = ["mean", "common", "sampled"]
ROWS = [2, 0, 0, 1, 2]


def negative_elbo(model, path, target):
    """−log p(target|z), and log q − log p below the top with the KL of the top."""
    likelihood = norm.logpdf(target, reconstructed(model, path), np.sqrt(VARIANCE)).sum()
    regularity = 0.0
    for q, above, down, narrow in zip(path, path[1:], model.down, model.narrow, strict=False):
        prior = norm(down @ above.z, np.exp(np.sin(narrow @ above.z) / 2))
        regularity += np.sum(norm.logpdf(q.z, q.mean, q.std) - prior.logpdf(q.z))
    top = np.zeros_like(path[-1].mean)
    return [-likelihood, regularity + kl(path[-1], Layer(top, top + 1, top))]


def distance(model, path, target):
    return [np.sqrt(np.sum((reconstructed(model, path) - target) ** 2))]


BY_HAND = {OutputLoss: negative_elbo, OutputDistance: distance}


def by_hand(model, loss, image, target, seed, few=None):
    """The parts of one image whose pair has a seed."""
    draws, _ = noise_of(model, loss.path, loss.draws, seed)
    formula = BY_HAND[type(loss)]
    values = [formula(model, walked(model, image, draw), target) for draw in draws[:few]]
    return np.mean(values, axis=0)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("sizes", [(4,), (3, 2, 2)])
@pytest.mark.parametrize("kind", [OutputLoss, OutputDistance])
def test_parts_are_the_averages_over_the_draws(kind, sizes, path):
    model, x, target, loss = Chain(*sizes), pictures(1), pictures(1, 2), kind(path=path, draws=3)
    parts = loss.bind(model, x, target, generators(1)).parts(x, torch.tensor([0]))
    expected = by_hand(model, loss, x[0].numpy(), target[0].numpy(), 0)
    assert_allclose(parts, expected[None], rtol=1e-10)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", [OutputLoss, OutputDistance])
def test_the_gradient_is_that_of_the_formula(kind, path):
    model, x, target, loss = Chain(3, 2, 2), pictures(1), pictures(1, 2), kind(path=path, draws=2)
    image = x.clone().requires_grad_()
    parts = loss.bind(model, x, target, generators(1)).parts(image, torch.tensor([0]))
    (gradient,) = torch.autograd.grad(parts.sum(), image)
    expected = slopes(
        lambda values: by_hand(model, loss, values, target[0].numpy(), 0).sum(), x[0].numpy()
    )
    assert_allclose(gradient[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("path", ["mean", "common"])
@pytest.mark.parametrize("kind", [OutputLoss, OutputDistance])
def test_rows_are_compared_with_the_target_and_the_noise_of_their_pair(kind, path):
    model, x, target, points = Chain(3, 2, 2), pictures(3), pictures(3, 2), pictures(5, 3)
    loss = kind(path=path, draws=5)
    bound = loss.bind(model, x, target, generators(3))
    for parts, few in [(bound.parts, None), *([(bound.coarse, 1)] if path == "common" else [])]:
        expected = [
            by_hand(model, loss, point.numpy(), target[pair].numpy(), pair, few)
            for point, pair in zip(points, ROWS, strict=True)
        ]
        assert_allclose(parts(points, torch.tensor(ROWS)), expected, rtol=1e-10)


@pytest.mark.parametrize("kind", [OutputLoss, OutputDistance])
def test_pairs_at_once_are_as_each_alone(kind):
    model, x, target, loss = Chain(3, 2), pictures(3), pictures(3, 2), kind(path="common", draws=3)
    together = loss.bind(model, x, target, generators(3))
    for pair, generator in enumerate(generators(3)):
        own = slice(pair, pair + 1)
        alone = loss.bind(model, x[own], target[own], [generator])
        torch.testing.assert_close(
            together.parts(x, torch.arange(3))[own], alone.parts(x[own], torch.tensor([0]))
        )
        torch.testing.assert_close(together.floor[own], alone.floor)


@pytest.mark.parametrize("kind", [OutputLoss, OutputDistance])
def test_the_sampled_path_draws_afresh(kind):
    model, x, target = Chain(3, 2), pictures(1), pictures(1, 2)
    bound = kind(path="sampled").bind(model, x, target, generators(1))
    first, second = (bound.parts(x, torch.tensor([0])).sum().item() for _ in range(2))
    assert first != second
    assert bound.coarse is None


def test_the_floor_of_gaussian_pixels_is_their_normaliser():
    bound = OutputLoss().bind(Chain(3), pictures(2), pictures(2, 2), generators(2))
    expected = torch.full((2,), 6 / 2 * np.log(2 * np.pi * VARIANCE), dtype=torch.float64)
    torch.testing.assert_close(bound.floor, expected)


class Grey(Chain):
    """Bernoulli pixels."""

    def decode(self, z):
        return BernoulliImage(super().decode(z).mean, self.bounds)


def test_the_floor_of_bernoulli_pixels_is_the_entropy_of_the_pairs_own_target():
    target = pictures(3, 2)
    bound = OutputLoss(path="mean").bind(Grey(3), pictures(3), target, generators(3))
    t = (target.flatten(1).numpy() + 2) / 4
    assert_allclose(bound.floor, -np.sum(t * np.log(t) + (1 - t) * np.log(1 - t), axis=1))
    assert bound.floor.dtype == torch.float64
    assert (bound.parts(target, torch.arange(3))[:, 0] > bound.floor).all()


def test_the_floor_of_a_distance_is_zero_and_its_gradient_there_is_finite():
    model = Chain(3)
    x = pictures(1)
    target = model.decode(model.encode(x).z).mean
    bound = OutputDistance().bind(model, x, target, generators(1))
    image = x.clone().requires_grad_()
    parts = bound.parts(image, torch.tensor([0]))
    (gradient,) = torch.autograd.grad(parts.sum(), image)
    assert parts.item() == bound.floor.item() == 0
    assert gradient.abs().max() == 0


@pytest.mark.parametrize("kind", [OutputLoss, OutputDistance])
def test_they_lead_to_the_target(kind):
    assert kind().targeted
