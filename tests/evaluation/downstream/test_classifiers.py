"""Training of classifiers: accuracy, scale of inputs, and seeds."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.evaluation.downstream.quadrants import quadrants
from torch import Tensor, nn

from seatbelt_vae.data import load_data
from seatbelt_vae.errors import DataError
from seatbelt_vae.evaluation.downstream.classifiers import convolutional, mlp, train_classifier

BOTH = pytest.mark.parametrize("build", [mlp, convolutional])
Build = Callable[..., nn.Module]


def images(split: str = "train") -> tuple[Tensor, Tensor]:
    part = getattr(quadrants(), split)
    every = np.arange(len(part))
    return part.batch(every), torch.from_numpy(part.factors(every)[:, 0])


@BOTH
def test_easy_classes_are_learnt(build: Build) -> None:
    classifier = train_classifier(build, *images(), 4)
    unseen, labels = images("test")
    assert classifier.predict(unseen).equal(labels)
    assert classifier.logits(unseen).shape == (40, 4)


@BOTH
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 5, 7), (2, 1, 2)])
def test_images_of_any_size(build: Build, shape: tuple[int, ...]) -> None:
    assert build(shape, 3)(torch.zeros(4, *shape)).shape == (4, 3)


@BOTH
def test_training_is_invariant_to_scale_and_shift(build: Build) -> None:
    x, labels = images()
    plain, moved = (
        train_classifier(build, inputs, labels, 4) for inputs in (x.double(), 1e3 * x.double() + 70)
    )
    logits = plain.logits(x.double())
    torch.testing.assert_close(moved.logits(1e3 * x.double() + 70), logits, rtol=1e-4, atol=1e-4)


@BOTH
def test_results_depend_on_the_seed_only(build: Build) -> None:
    x, labels = images()
    before = torch.random.get_rng_state()
    first = train_classifier(build, x, labels, 4).logits(x)
    assert torch.random.get_rng_state().equal(before)
    torch.manual_seed(3)
    assert train_classifier(build, x, labels, 4).logits(x).equal(first)
    assert not train_classifier(build, x, labels, 4, seed=1).logits(x).isclose(first).any()


def test_constant_inputs_give_the_most_frequent_class() -> None:
    labels = torch.tensor([2] * 60 + [0] * 30 + [1] * 10)
    classifier = train_classifier(mlp, torch.full((100, 3), 7.0), labels, 4)
    assert classifier.predict(torch.full((5, 3), 7.0)).tolist() == [2] * 5


def test_the_noise_of_an_inactive_unit_is_not_amplified() -> None:
    """A scale per unit would amplify the rounding noise of a collapsed unit."""
    generator = torch.Generator().manual_seed(0)
    active, noise = torch.randn(2, 300, 20, generator=generator)
    inputs = torch.cat([active, 1e-6 * noise], dim=1)
    classifier = train_classifier(mlp, inputs, active[:, 0].gt(0).long(), 2)
    amplified = torch.cat([active, 1e-4 * noise.flip(0)], dim=1)
    assert classifier.predict(amplified).equal(classifier.predict(inputs))


@BOTH
def test_accuracy_on_clothes_exceeds_that_of_the_nearest_mean(build: Build) -> None:
    try:
        data = load_data("fashion-mnist")
    except DataError as error:
        pytest.skip(f"Fashion-MNIST is not installed: {error}")
    parts = [
        (part.batch(chosen), torch.from_numpy(part.factors(chosen)[:, 0]).long())
        for part, chosen in ((data.train, np.arange(2000)), (data.test, np.arange(1000)))
    ]
    (x, labels), (unseen, truth) = parts
    means = torch.stack([x[labels == k].mean(0).flatten() for k in range(10)])
    nearest = torch.cdist(unseen.flatten(1), means).argmin(1)
    found = train_classifier(build, x, labels, 10).predict(unseen)
    accuracy, by_means = ((guess == truth).double().mean().item() for guess in (found, nearest))
    assert by_means > 0.6
    assert accuracy > by_means + 0.05
