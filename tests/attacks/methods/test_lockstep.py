"""Descents whose functions are evaluated together end where each ends alone."""

import numpy as np
import pytest
from scipy.optimize import fmin_l_bfgs_b, rosen, rosen_der

from seatbelt_vae.attacks.methods.lockstep import run_in_lockstep

STARTS = [
    np.array(start, dtype=float) for start in ((-1.2, 1, 3), (0, 0, 0), (2, -1, 1), (1, 1, 1))
]


def descent(start):
    return lambda fun: fmin_l_bfgs_b(fun, start, bounds=[(-1.5, 1.5)] * 3, m=25, factr=10)


def rosenbrock(_which, points):
    return np.array([rosen(x) for x in points]), np.stack([rosen_der(x) for x in points])


def test_every_descent_ends_where_it_ends_alone():
    together = run_in_lockstep([descent(start) for start in STARTS], rosenbrock)
    for start, (x, value, info) in zip(STARTS, together, strict=True):
        alone = fmin_l_bfgs_b(rosen, start, rosen_der, bounds=[(-1.5, 1.5)] * 3, m=25, factr=10)
        assert np.array_equal(x, alone[0])
        assert value == alone[1]
        assert info["funcalls"] == alone[2]["funcalls"]


def test_all_that_are_left_are_evaluated_in_one_batch_in_their_order():
    batches = []

    def evaluate(which, points):
        batches.append(list(which))
        return rosenbrock(which, points)

    ends = run_in_lockstep([descent(start) for start in STARTS], evaluate)
    calls = [info["funcalls"] for _, _, info in ends]
    assert len(batches) == max(calls)
    assert all(batch == sorted(batch) for batch in batches)
    assert [sum(n in batch for batch in batches) for n in range(len(STARTS))] == calls


def test_points_belong_to_the_descent_that_asked():
    def evaluate(which, points):
        return np.array(which, dtype=float), points

    answers = run_in_lockstep(
        [lambda f, n=n: f(np.full(2, float(n)))[0] for n in range(5)], evaluate
    )
    assert answers == [0, 1, 2, 3, 4]


def test_an_error_of_the_function_ends_all():
    def evaluate(*_):
        raise ZeroDivisionError("in the network")

    for count in (1, 3):
        with pytest.raises(ZeroDivisionError, match="in the network"):
            run_in_lockstep([descent(start) for start in STARTS[:count]], evaluate)


def test_an_error_of_a_descent_is_raised_when_the_others_are_done():
    done = []

    def broken(fun):
        fun(STARTS[0])
        raise ValueError("lost its way")

    def whole(fun):
        found = descent(STARTS[0])(fun)
        done.append(found)
        return found

    with pytest.raises(ValueError, match="lost its way"):
        run_in_lockstep([broken, whole], rosenbrock)
    assert len(done) == 1


def test_nothing_to_do():
    assert run_in_lockstep([], rosenbrock) == []
