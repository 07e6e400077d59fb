"""The compact memory against the dense inverse built by the BFGS recursion."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seatbelt_vae.optim.memory import LBFGSMemory


def beside(*vectors):
    """As `LBFGSMemory.learn` takes them."""
    return torch.stack(vectors, dim=1)


def double(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def dense_inverse(pairs: list[tuple[np.ndarray, np.ndarray]], size: int) -> np.ndarray:
    """H by the recursion (I − ρsyᵀ)H(I − ρysᵀ) + ρssᵀ from γI, oldest pair first."""
    inverse = np.eye(size)
    if pairs:
        s, y = pairs[-1]
        inverse *= (s @ y) / (y @ y)
    for s, y in pairs:
        rho, identity = 1 / (s @ y), np.eye(size)
        left = identity - rho * np.outer(s, y)
        inverse = left @ inverse @ left.T + rho * np.outer(s, s)
    return inverse


def convex_pairs(rows: int, size: int, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """(s, y) with y = As for a positive definite A of every pair, so that no SᵀY is symmetric."""
    draws = torch.Generator().manual_seed(seed)
    root = torch.randn(count, rows, size, size, generator=draws, dtype=torch.float64)
    s = torch.randn(count, rows, size, generator=draws, dtype=torch.float64)
    return s, torch.einsum("crij,crj->cri", root @ root.mT + 0.3 * torch.eye(size), s)


@given(
    st.integers(1, 4), st.integers(2, 6), st.integers(1, 4), st.integers(1, 11), st.integers(0, 99)
)
@settings(max_examples=40, deadline=None)
def test_rows_that_remember_different_pairs(
    rows: int, size: int, memory: int, count: int, seed: int
) -> None:
    """Each row keeps some pairs, skips others, and forgets all now and then."""
    check_against_the_recursion(rows, size, memory, convex_pairs(rows, size, count, seed), seed)


@pytest.mark.parametrize("size", [1, 15, 16, 17, 63, 64, 65, 200])
@pytest.mark.parametrize("memory", [1, 3, 10])
def test_float32_does_the_same(size: int, memory: int) -> None:
    draws = torch.Generator().manual_seed(size)
    s = torch.randn(14, 5, size, generator=draws)
    curvature = 0.5 + torch.rand(s.shape, generator=draws)
    check_against_the_recursion(5, size, memory, (s, curvature * s), seed=memory, tolerance=1e-4)


def check_against_the_recursion(
    rows: int,
    size: int,
    memory: int,
    every: tuple[Tensor, Tensor],
    seed: int,
    tolerance: float = 1e-8,
) -> None:
    s, y = every
    draws = np.random.default_rng(seed)
    pairs: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in range(rows)]
    held = LBFGSMemory(rows, size, memory, s)
    for step, change in zip(s, y, strict=True):
        wanted, bent = draws.random(rows) < 0.7, draws.random(rows) < 0.2
        signed = torch.where(torch.from_numpy(bent)[:, None], -change, change)
        v = torch.from_numpy(draws.standard_normal((rows, size))).to(s)
        kept, found = held.learn(beside(step, signed, v), torch.from_numpy(wanted))
        assert kept.tolist() == (wanted & ~bent).tolist()
        for row in kept.nonzero()[:, 0].tolist():
            new = step[row].double().numpy(), change[row].double().numpy()
            pairs[row] = [*pairs[row], new][-memory:]
        for row in range(rows):
            expected = dense_inverse(pairs[row], size) @ v[row].double().numpy()
            np.testing.assert_allclose(
                found[row].numpy(), expected, rtol=1e-7, atol=tolerance * np.abs(expected).max()
            )
        forgotten = draws.random(rows) < 0.1
        held.forget(torch.from_numpy(forgotten))
        pairs = [[] if gone else kept for gone, kept in zip(forgotten, pairs, strict=True)]
        assert held.filled.tolist() == [bool(kept) for kept in pairs]


def test_rows_that_are_kept_keep_their_own_pairs() -> None:
    s, y = convex_pairs(4, 5, 3, seed=2)
    everyone, v = torch.ones(4, dtype=torch.bool), s[0]
    whole, fewer = LBFGSMemory(4, 5, 3, s), LBFGSMemory(4, 5, 3, s)
    for held in (whole, fewer):
        for step, change in zip(s[:2], y[:2], strict=True):
            held.learn(beside(step, change, v), everyone)
    order = torch.tensor([3, 1])
    fewer.keep(order)
    _, all_rows = whole.learn(beside(s[2], y[2], v), everyone)
    _, some_rows = fewer.learn(beside(s[2, order], y[2, order], v[order]), everyone[order])
    torch.testing.assert_close(some_rows, all_rows[order])


def test_the_secant_equation_holds_for_the_newest_pair() -> None:
    s, y = convex_pairs(3, 6, 9, seed=4)
    held = LBFGSMemory(3, 6, 4, s)
    for step, change in zip(s, y, strict=True):
        _, found = held.learn(beside(step, change, change), torch.ones(3, dtype=torch.bool))
        torch.testing.assert_close(found, step)


def test_a_row_does_not_depend_on_others_or_on_the_number_of_threads() -> None:
    draws = torch.Generator().manual_seed(0)
    s, v = torch.randn(9, 7, 50, generator=draws), torch.randn(7, 50, generator=draws)
    before, found = torch.get_num_threads(), []
    try:
        for threads, rows in ((1, slice(None)), (3, slice(None)), (2, slice(2, 3))):
            torch.set_num_threads(threads)
            held = LBFGSMemory(len(v[rows]), 50, 4, v)
            everyone = torch.ones(len(v[rows]), dtype=torch.bool)
            for step in s[:, rows]:
                _, result = held.learn(beside(step, 2 * step, v[rows]), everyone)
            found.append(result)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0][2:3], found[2])


@pytest.mark.parametrize("bad", [0.0, 1e-10, -1.0, torch.nan, torch.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_pair_without_clear_positive_curvature_is_not_remembered(
    bad: float, dtype: torch.dtype
) -> None:
    """The step has a first coordinate only: the change's first decides, the second scales."""
    step, change = double([1.0, 0.0], [1.0, 0.0]), double([bad, 1.0], [0.5, 1.0])
    v = double([2.0, 3.0], [0.5, 1.0])
    step, change, v = (vector.to(dtype) for vector in (step, change, v))
    held = LBFGSMemory(2, 2, 3, step)
    kept, found = held.learn(beside(step, change, v), torch.ones(2, dtype=torch.bool))
    assert kept.tolist() == [False, True]
    assert held.filled.tolist() == [False, True]
    torch.testing.assert_close(found, torch.stack([v[0], step[1]]))
