"""Which images are attacked."""

from dataclasses import replace

import numpy as np
import pytest

from seatbelt_vae.attacks import choose_pairs
from seatbelt_vae.data import load
from seatbelt_vae.data.dataset import Split
from seatbelt_vae.errors import DataError
from tests.attacks.battery_runs import sprites


def test_pairs_are_disjoint_images_and_depend_on_the_seed_only():
    data = sprites()
    pairs = choose_pairs(data, 30, seed=0)
    pixels = {data.test.batch(np.array([i])).numpy().tobytes() for pair in pairs for i in pair}
    assert len(pixels) == 60
    assert pairs == choose_pairs(load("dsprites", None, None, 32), 30, seed=0)
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
        "the test split of 'dsprites' has 6 different images, expected at least 8 for 4 pairs: "
        "ask for fewer pairs"
    )
