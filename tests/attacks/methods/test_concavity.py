"""Which levels concavity settles, against loops over pairs of known levels and true minima."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seatbelt_vae.attacks.methods.concavity import near_chord


def curves(seed: int, rows: int = 3, width: int = 9) -> tuple[Tensor, Tensor]:
    """Levels, and minima over a few affine functions of them, (rows, width)."""
    random = np.random.default_rng(seed)
    levels = np.sort(random.uniform(0.1, 5, (rows, width)), axis=1)
    r, size = random.uniform(0, 4, (2, rows, 6, 1))
    return torch.as_tensor(levels), torch.as_tensor((r + levels[:, None] * size).min(axis=1))


@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.2, 0.5, 0.9]))
@settings(max_examples=40, deadline=None)
def test_a_settled_level_is_within_the_tolerance_of_its_minimum(seed: int, share: float) -> None:
    levels, minima = curves(seed)
    random = np.random.default_rng(seed + 1)
    known = torch.as_tensor(random.random(minima.shape) < share)
    above = torch.as_tensor(random.exponential(0.1, minima.shape))
    values = torch.where(known, minima, minima + above)
    tolerance = 0.05 * minima + 0.02
    settled = near_chord(levels, values, known, tolerance)
    assert (values - minima <= tolerance + 1e-12)[settled].all()


@given(seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_it_is_the_chord_of_the_nearest_known_levels_on_either_side(seed: int) -> None:
    levels, minima = curves(seed)
    random = np.random.default_rng(seed + 1)
    known = random.random(minima.shape) < 0.4
    values = minima + torch.as_tensor(random.exponential(0.05, minima.shape))
    tolerance = torch.as_tensor(random.uniform(0, 0.2, minima.shape))
    settled = near_chord(levels, values, torch.as_tensor(known), tolerance)
    for row, column in np.ndindex(*minima.shape):
        left = [k for k in range(column) if known[row, k]]
        right = [k for k in range(column + 1, minima.shape[1]) if known[row, k]]
        expected = False
        if left and right:
            ends = [left[-1], right[0]]
            at = levels[row, column].item()
            chord = np.interp(at, levels[row, ends].numpy(), values[row, ends].numpy())
            expected = values[row, column].item() - chord <= tolerance[row, column].item()
        assert settled[row, column].item() == expected


def test_nothing_known_settles_nothing() -> None:
    levels, minima = curves(0)
    known = torch.zeros_like(minima, dtype=torch.bool)
    assert not near_chord(levels, minima, known, torch.ones_like(minima)).any()
