"""Choice of the class factor, and of pairs of images."""

from dataclasses import replace

import numpy as np
import pytest
from tests.evaluation.downstream.quadrants import quadrants

from seatbelt_vae.data import Factor, ImageData, Split
from seatbelt_vae.errors import ConfigError, DataError
from seatbelt_vae.evaluation.downstream import choose_class_pairs, class_factor

DATA = quadrants()


def with_factors(*names: str) -> ImageData:
    return replace(DATA, factors=tuple(Factor(name, 2) for name in names))


def with_labels(labels: list[int]) -> ImageData:
    """Distinct test images with these classes."""
    images = np.linspace(-1, 1, len(labels)).astype(np.float32).reshape(-1, 1, 1, 1)
    values = np.array(labels)[:, None]
    test = Split(np.arange(len(labels)), images.__getitem__, values.__getitem__)
    return replace(DATA, test=test, factors=(Factor("class", 9),))


@pytest.mark.parametrize(
    ("names", "wanted", "column"),
    [
        (("class", "coin"), None, 0),
        (("coin", "class"), None, 1),
        (("coin", "class"), "coin", 0),
        (("label",), None, 0),
        (("label",), "label", 0),
    ],
)
def test_the_class_is_the_factor_of_that_name_or_the_only_one(
    names: tuple[str, ...], wanted: str | None, column: int
) -> None:
    assert class_factor(with_factors(*names), wanted) == column


@pytest.mark.parametrize(
    ("names", "wanted", "kind", "message"),
    [
        (
            (),
            None,
            DataError,
            "'quadrants' has no known factors for classifiers to learn: leave downstream out, or "
            "choose a set with classes, e.g. fashion-mnist",
        ),
        (
            ("shape", "scale"),
            None,
            ConfigError,
            "'quadrants' has several factors and none is called class: say which one is classified "
            "with downstream_factor, one of shape, scale",
        ),
        (
            ("shape", "scale"),
            "shap",
            ConfigError,
            "'quadrants' has no factor 'shap': perhaps you meant 'shape'; known: shape, scale",
        ),
        (("class",), "kind", ConfigError, "'quadrants' has no factor 'kind': known: class"),
    ],
)
def test_a_set_without_a_class_is_refused(
    names: tuple[str, ...], wanted: str | None, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        class_factor(with_factors(*names), wanted)
    assert str(caught.value) == message


@pytest.mark.parametrize("seed", range(5))
def test_pairs_are_disjoint_and_of_different_classes(seed: int) -> None:
    pairs = choose_class_pairs(DATA, 0, 12, seed)
    assert pairs.shape == (12, 2)
    assert len(np.unique(pairs)) == 24
    inputs, targets = (DATA.test.factors(side)[:, 0] for side in pairs.T)
    assert (inputs != targets).all()
    assert np.array_equal(choose_class_pairs(DATA, 0, 5, seed), pairs[:5])


def test_another_seed_gives_other_pairs() -> None:
    first, other = (choose_class_pairs(DATA, 0, 12, seed) for seed in (0, 1))
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("labels", [[0] * 7 + [1] * 3, [1, 0, 0, 2] + [0] * 6, [0, 1] * 5])
@pytest.mark.parametrize("seed", range(3))
def test_the_number_of_pairs_is_the_largest_possible(labels: list[int], seed: int) -> None:
    pairs = choose_class_pairs(with_labels(labels), 0, 100, seed)
    most = min(len(labels) // 2, sum(label != 0 for label in labels))
    assert len(pairs) <= most
    assert len(pairs) >= min(most, sum(label == 1 for label in labels))
    if len(set(labels)) == 2:
        assert len(pairs) == most


def test_an_image_under_two_labels_is_used_once() -> None:
    images = np.repeat(np.linspace(-1, 1, 6), 2).astype(np.float32).reshape(-1, 1, 1, 1)
    values = np.arange(12)[:, None] % 2  # each image once with each label
    data = replace(DATA, test=Split(np.arange(12), images.__getitem__, values.__getitem__))
    for seed in range(5):
        pairs = choose_class_pairs(data, 0, 6, seed)
        assert len(np.unique(images[pairs])) == pairs.size


@pytest.mark.parametrize("labels", [[3], [3, 3, 3]])
def test_a_split_of_one_class_is_refused(labels: list[int]) -> None:
    with pytest.raises(DataError) as caught:
        choose_class_pairs(with_labels(labels), 0, 4, 0)
    assert str(caught.value) == (
        "no two images of the test split of 'quadrants' differ in 'class': leave downstream out, "
        "or classify another factor"
    )
