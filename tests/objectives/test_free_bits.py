"""Free bits: groups computed by hand, and inequalities for any numbers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbelt_vae.objectives.free_bits import free_bits

UNITS = torch.tensor(
    [[0.0, 3.0, -0.4, 0.25], [0.1, 1.0, 0.2, 0.25]], dtype=torch.float64
)  # means: 0.05, 2, -0.1, 0.25


@pytest.mark.parametrize(
    ("floor", "group", "total", "share"),
    [
        (0.0, "unit", 2.2, 0.0),
        (0.0, "layer", 2.2, 0.0),
        (0.125, "unit", 0.125 + 2 + 0.125 + 0.25, 0.5),
        (0.25, "unit", 0.25 + 2 + 0.25 + 0.25, 0.75),
        (2.0, "layer", 2.2, 0.0),
        (3.0, "layer", 3.0, 1.0),
    ],
)
def test_hand_computed(floor: float, group: str, total: float, share: float) -> None:
    charged, floored = free_bits(UNITS, floor, group)
    assert charged.item() == pytest.approx(total)
    assert floored.item() == share


def test_the_mean_over_the_batch_is_inside_the_maximum() -> None:
    units = torch.tensor([[0.0], [2.0]])
    assert free_bits(units, 0.5, "unit")[0] == 1
    assert units.clamp(min=0.5).mean() == 1.25


def test_a_group_at_the_floor_has_no_gradient() -> None:
    units = UNITS.clone().requires_grad_()
    free_bits(units, 0.125, "unit")[0].backward()
    assert units.grad is not None
    assert units.grad.tolist() == [[0, 0.5, 0, 0.5]] * 2


@given(st.integers(0, 500), st.integers(1, 5), st.floats(0, 2), st.sampled_from(["unit", "layer"]))
@settings(max_examples=40, deadline=None)
def test_never_below_the_plain_sum_nor_the_floors(
    seed: int, d: int, floor: float, group: str
) -> None:
    draws = torch.Generator().manual_seed(seed)
    units = torch.randn(6, d, generator=draws, dtype=torch.float64)
    plain, (charged, floored) = units.mean(0).sum(), free_bits(units, floor, group)
    groups = d if group == "unit" else 1
    assert charged >= plain - 1e-12
    assert 0 <= floored <= 1
    if floor > 0:
        assert charged >= groups * floor - 1e-12
        negative = units.mean(0).clamp(max=0).abs().sum()
        # equal up to rounding for a floor near 0
        assert charged <= plain.clamp(min=0) + groups * floor + negative + 1e-12
