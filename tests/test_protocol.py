"""Noise: one seed means the same draws in every precision, and layers do not share them."""

import torch
from scipy import stats

from seatbelt_vae.protocol import draw_noise


def _draw(*shape: int, like: torch.Tensor | None = None, seed: int = 0) -> tuple[torch.Tensor, ...]:
    return draw_noise((5, 2), shape, torch.Generator().manual_seed(seed), like=like)


def test_shapes_are_the_leading_shape_and_the_units_of_each_layer() -> None:
    assert [tuple(n.shape) for n in _draw(3)] == [(3, 5), (3, 2)]
    assert [tuple(n.shape) for n in _draw(4, 3)] == [(4, 3, 5), (4, 3, 2)]


def test_one_seed_means_the_same_noise_in_every_precision() -> None:
    # torch draws fewer than 16 numbers by another method, the same for every type
    double = _draw(30, like=torch.empty(0, dtype=torch.float64))
    single, half = _draw(30), _draw(30, like=torch.empty(0, dtype=torch.bfloat16))
    for wide, narrow, narrowest in zip(double, single, half, strict=True):
        assert (wide.dtype, narrow.dtype) == (torch.float64, torch.float32)
        assert torch.equal(wide.float(), narrow)
        assert torch.equal(wide.bfloat16(), narrowest)


def test_the_generator_alone_decides() -> None:
    torch.manual_seed(1)
    first = _draw(3)
    torch.manual_seed(2)
    assert all(map(torch.equal, first, _draw(3)))
    assert not torch.equal(first[0], _draw(3, seed=1)[0])


def test_draws_are_standard_normal() -> None:
    (noise,) = draw_noise((50,), (200,), torch.Generator().manual_seed(3))
    assert stats.kstest(noise.flatten().numpy(), "norm").pvalue > 0.01
