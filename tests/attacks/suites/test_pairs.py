"""Which images are attacked."""

from dataclasses import replace

import numpy as np
import pytest

from seatbelt_vae.attacks import choose_pairs
from seatbelt_vae.data import load_data
from seatbelt_vae.data.dataset import Split
from seatbelt_vae.errors import DataError
from tests.attacks.suite_runs import sprites


def test_pairs_are_disjoint_images_and_depend_on_the_seed_only():
    data = sprites()
    pairs = choose_pairs(data, 30, seed=0)
    pixels = {data.test.batch(np.array([i])).numpy().tobytes() for pair in pairs for i in pair}
    assert len(pixels) == 60
    assert pairs == choose_pairs(load_data("dsprites", None, None, 32), 30, seed=0)
    assert pairs != choose_pairs(data, 30, seed=1)


def test_the_same_picture_under_two_labels_is_one_image():
    six = sprites().test.batch(np.arange(6)).numpy()
    split = Split(np.arange(60), lambda indices: six[indices % 6])
    data = replace(sprites(), test=split)
    chosen = {position % 6 for pair in choose_pairs(data, 3, seed=0) for position in pair}
    assert chosen == set(range(6))
    with pytest.raises(DataError) as caught:
        choose_pairs(data, 4, seed=0)
    assert str(caught.value) == (
        "the test split of 'dsprites' has 3 disjoint pairs of different images, expected 4: "
        "ask for fewer pairs"
    )


def test_pairs_may_differ_in_one_factor_only():
    data = sprites()
    pairs = np.array(choose_pairs(data, 20, seed=0, vary="orientation"))
    assert len(set(pairs.flat)) == 40
    inputs, targets = (data.test.factors(side) for side in pairs.T)
    column = [factor.name for factor in data.factors].index("orientation")
    differs = inputs != targets
    assert differs[:, column].all()
    assert not np.delete(differs, column, axis=1).any()
    images = [data.test.batch(side) for side in pairs.T]
    assert (images[0] != images[1]).flatten(1).any(1).all()


@pytest.mark.parametrize(
    ("factors", "said"),
    [
        (sprites().factors, "'dsprites' has no factor 'orientaton': perhaps you meant "),
        ((), "'dsprites' has no known factors: leave vary out"),
    ],
)
def test_a_factor_that_the_set_has_not_is_named(factors, said):
    with pytest.raises(DataError, match=said):
        choose_pairs(replace(sprites(), factors=factors), 2, seed=0, vary="orientaton")


def test_too_few_images_that_differ_in_a_factor_only():
    data = sprites()
    few = replace(data, test=replace(data.test, indices=data.test.indices[:50]))
    with pytest.raises(DataError, match="pairs of images that differ in shape only, expected 30"):
        choose_pairs(few, 30, seed=0, vary="shape")


def test_pairs_may_share_a_factors_value():
    data = sprites()
    pairs = np.array(
        choose_pairs(data, 5, seed=0, vary="orientation", among={"shape": "heart", "scale": "5"})
    )
    factors = data.test.factors(pairs.ravel())
    assert (factors[:, :2] == [2, 5]).all()
    assert len(set(factors[:, 2])) > 5


@pytest.mark.parametrize(
    ("among", "said"),
    [
        ({"shap": "heart"}, "'dsprites' has no factor 'shap': perhaps you meant 'shape'; known"),
        ({"shape": "hart"}, "'dsprites' has no shape 'hart': perhaps you meant 'heart'; known: sq"),
        ({"shape": "3"}, "'dsprites' has no shape '3': known: square, ellipse, heart"),
        ({"scale": "6"}, "'dsprites' has no scale '6': expected 0…5"),
        ({"scale": "-1"}, "'dsprites' has no scale '-1': expected 0…5"),
    ],
)
def test_a_value_that_a_factor_has_not_is_named(among, said):
    with pytest.raises(DataError, match=said):
        choose_pairs(sprites(), 2, seed=0, among=among)


def test_a_set_without_factors_has_no_values_to_share():
    with pytest.raises(DataError, match="'dsprites' has no known factors: leave among out"):
        choose_pairs(replace(sprites(), factors=()), 2, seed=0, among={"shape": "heart"})


def test_too_few_images_with_a_value():
    few = replace(sprites(), test=replace(sprites().test, indices=np.arange(3)))
    with pytest.raises(DataError, match="0 disjoint pairs of different images, shape heart, exp"):
        choose_pairs(few, 1, seed=0, among={"shape": "heart"})
