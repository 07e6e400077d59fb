"""The best known point under each level, against going through all of them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from seatbelt_vae.attacks.methods.solution_pool import Origin, SolutionPool
from seatbelt_vae.attacks.threats import Budget, Norms, Penalty

THREATS = [Penalty(1), Penalty(2), Budget("l2"), Budget("linf")]
LEVELS = torch.tensor([0.1, 0.5, 1.0, 4.0], dtype=torch.float64)


def pool_of(threat, points, parts, origins=None):
    """A pool around the input 0."""
    empty = torch.zeros(0, points.shape[1], dtype=torch.float64)
    pool = SolutionPool(threat, empty, torch.zeros(0, parts.shape[1]).double(), Norms.of(empty))
    half = len(points) // 2
    origins = origins or [Origin("segment")] * len(points)
    for some in (slice(None, half), slice(half, None)):
        pool.add(points[some], parts[some], Norms.of(points[some]), origins[some])
    return pool


def random_pool(threat, count=12, seed=0, origins=None):
    random = np.random.default_rng(seed)
    points = torch.as_tensor(random.normal(size=(count, 3)) * random.uniform(size=(count, 1)))
    return pool_of(threat, points, torch.as_tensor(random.uniform(size=(count, 2))), origins)


def delta(threat, r, point, level):
    """Δ of one point, in NumPy."""
    if isinstance(threat, Penalty):
        return r + level * np.sum(point**2) ** (threat.power / 2)
    size = np.linalg.norm(point, {"l2": 2, "linf": np.inf}[threat.norm])
    return r if size <= level else np.inf


def enumerated(pool, level):
    points, parts = pool.points.numpy(), pool.parts.numpy()
    rows = zip(parts, points, strict=True)
    return [delta(pool.threat, part.sum(), point, level) for part, point in rows]


@pytest.mark.parametrize("threat", THREATS)
def test_values_are_those_of_every_point_under_every_level(threat):
    pool = random_pool(threat)
    expected = [enumerated(pool, level) for level in LEVELS.tolist()]
    assert np.isinf(expected).any() == isinstance(threat, Budget)
    assert_allclose(pool.values(LEVELS), expected)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), threat=st.sampled_from(THREATS))
def test_the_best_is_the_smallest_of_all(seed, threat):
    pool = random_pool(threat, seed=seed)
    value, index = pool.best(LEVELS)
    for w, level in enumerate(LEVELS.tolist()):
        every = enumerated(pool, level)
        assert value[w].item() == pytest.approx(min(every))
        assert every[index[w]] == pytest.approx(min(every))


@pytest.mark.parametrize("threat", [Penalty(1), Penalty(2)])
def test_the_best_that_was_descended_to_is_no_start_point(threat):
    origins = [Origin("noise", "converged", None if k % 3 else k % 4) for k in range(12)]
    pool = random_pool(threat, seed=1, origins=origins)
    for w, k in enumerate(pool.best_descended(LEVELS).tolist()):
        every = enumerated(pool, LEVELS[w].item())
        assert every[k] == pytest.approx(min(every[::3]))
        assert k % 3 == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), power=st.sampled_from([1, 2]))
def test_the_best_under_penalties_is_concave_and_rises(seed, power):
    levels = torch.linspace(0.1, 5, 20, dtype=torch.float64)
    best = random_pool(Penalty(power), seed=seed).best(levels)[0]
    assert (best.diff() >= 0).all()
    assert (best.diff(n=2) <= 1e-12).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), norm=st.sampled_from(["l2", "linf"]))
def test_the_best_within_budgets_falls(seed, norm):
    levels = torch.linspace(0.01, 3, 20, dtype=torch.float64)
    best = random_pool(Budget(norm), seed=seed).best(levels)[0]
    assert (best[1:] <= best[:-1]).all()


@pytest.mark.parametrize("threat", THREATS)
@pytest.mark.parametrize("start_points", [False, True], ids=["descents", "start points too"])
def test_raw_is_the_best_of_the_points_descended_under_that_very_level(threat, start_points):
    own = [None, 0, 3, 1, 1, 3, None, 0, 3, 3, 1, 0]
    origins = [Origin("noise", "converged", level) for level in own]
    pool = random_pool(threat, origins=origins, seed=3)
    raw = pool.raw(LEVELS, start_points=start_points)
    for w, level in enumerate(LEVELS.tolist()):
        every = enumerated(pool, level)
        counted = [w, None] if start_points else [w]
        lowest = min(every[k] for k, o in enumerate(own) if o in counted) if w in own else np.inf
        expected = np.nan if np.isinf(lowest) else lowest
        assert_allclose(raw[w], expected)
    assert raw[2].isnan()
    assert raw[3].isfinite()
    assert (pool.best(LEVELS)[0] <= raw.nan_to_num(np.inf)).all()


def test_a_start_point_is_nobodys_own():
    points, parts = torch.ones(3, 2).double(), torch.tensor([[1.0], [5.0], [3.0]]).double()
    origins = [Origin("zero"), Origin("noise", "converged", 0), Origin("noise", "converged", 1)]
    pool = pool_of(Budget("linf"), points, parts, origins)
    within = torch.tensor([1.0, 2.0], dtype=torch.float64)
    assert pool.raw(within).tolist() == [5, 3]
    assert pool.best(within)[0].tolist() == [1, 1]


def test_points_that_are_not_finite_are_dropped_with_their_origins():
    points = torch.eye(3, dtype=torch.float64).repeat(2, 1)
    parts = torch.ones(6, 2, dtype=torch.float64)
    parts[1, 0], parts[3, 1], parts[4, 0] = torch.nan, torch.inf, -torch.inf
    origins = [Origin("noise", "converged", k) for k in range(6)]
    pool = pool_of(Penalty(), points, parts, origins)
    assert [origin.level for origin in pool.origins] == [0, 2, 5]
    assert pool.points.equal(points[[0, 2, 5]])
    assert pool.parts.shape == (3, 2)
    assert pool.norms.l2.tolist() == pool.norms.linf.tolist() == [1, 1, 1]


def test_an_origin_is_a_start_point_unless_said_otherwise():
    assert (Origin("zero").status, Origin("zero").level) == ("start point", None)


def test_distinct_best_are_ends_of_descents_in_different_directions():
    x = torch.tensor([1.0, 1.0, 1.0], dtype=torch.float64)
    away = torch.tensor([[1, 0, 0], [2, 0.5, 0], [0, 1, 0], [0, 0, 9], [-1, 0, 0]]).double()
    parts = torch.tensor([[3.0], [2.0], [1.0], [0.0], [0.5]]).double()
    origins = [Origin("noise", "raced", 0)] * 4 + [Origin("blend")]
    pool = SolutionPool(Budget("l2"), x[None][:0], parts[:0], Norms.of(away[:0]))
    pool.add(x + away, parts, Norms.of(away), origins)
    level = torch.tensor(3.0, dtype=torch.float64)
    # the first is parallel to a better one, the fourth exceeds the budget, the fifth is a start
    assert pool.distinct_best(level, x, 5) == [2, 1]
    assert pool.distinct_best(level, x, 1) == [2]
