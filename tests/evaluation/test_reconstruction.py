"""Reconstruction measures against NumPy loops."""

import math

import numpy as np
import pytest
import torch
from tests.evaluation.stand_ins import random_images

from seatbelt_vae.evaluation.reconstruction import (
    intersection_over_union,
    is_binary,
    unexplained_variance,
)

BOUNDS = (0.0, 2.0)  # the middle is 1, not 0


def binary_images(count: int, seed: int) -> torch.Tensor:
    return (random_images(count, seed) > 0).double() * 2


def test_unexplained_variance_is_one_minus_r_squared_of_all_pixels() -> None:
    x, rec = random_images(6), random_images(6, seed=1)
    a, b = x.numpy(), rec.numpy()
    expected = ((a - b) ** 2).sum() / sum(
        (a[n] - np.mean(a, axis=0)).ravel() @ (a[n] - np.mean(a, axis=0)).ravel() for n in range(6)
    )
    assert unexplained_variance(x, rec) == pytest.approx(expected)
    assert unexplained_variance(x, x) == 0
    assert unexplained_variance(x, x.mean(0).expand_as(x)) == pytest.approx(1)
    assert math.isnan(unexplained_variance(x[:1], x[:1]))


def test_overlap_equals_sets_of_pixels() -> None:
    x, rec = binary_images(5, 0), random_images(5, seed=1) + 1
    overlaps = []
    for one, back in zip(x, rec, strict=True):
        a = {i for i, v in enumerate(one.flatten().tolist()) if v > 1}
        b = {i for i, v in enumerate(back.flatten().tolist()) if v > 1}
        overlaps.append(len(a & b) / len(a | b))
    assert intersection_over_union(x, rec, BOUNDS) == pytest.approx(sum(overlaps) / 5)


def test_overlap_of_empty_images_and_of_grey_ones() -> None:
    empty = torch.zeros(2, 1, 2, 2)
    assert intersection_over_union(empty, empty, BOUNDS) == 1
    assert intersection_over_union(empty, empty + 2, BOUNDS) == 0
    grey = empty.clone()
    grey[0, 0, 0, 0] = 1.5
    assert not is_binary(grey, BOUNDS)
    assert intersection_over_union(grey, grey, BOUNDS) is None
