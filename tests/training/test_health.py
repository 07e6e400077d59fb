"""What counts as a run that has gone wrong, and what a warm-up may do."""

import math
from dataclasses import replace

import pytest

from seatbelt_vae.errors import DivergenceError
from seatbelt_vae.objectives import Objective
from seatbelt_vae.objectives.warm_up import WarmUp
from seatbelt_vae.training.health import Health

ELBO = Objective("elbo", 1.0, 0.0, "unit", "mws", 600)


def judge(health, step, likelihood, kl=0.0, tc=0.0):
    """Let a step be judged, of these terms as its objective weighs them."""
    goal = health.objective
    weighted = goal.kl_warm_up(step) * kl + goal.tc_warm_up(step) * (goal.beta - 1) * tc
    terms = {"objective": likelihood - weighted, "log_likelihood": likelihood}
    health.check(step, terms | {"total_correlation": tc}, "images 1, …")


def test_runaway_is_noticed_and_a_spike_is_not():
    health = Health(ELBO)
    judge(health, 1, -100.0)
    for step in range(2, 12):
        judge(health, step, -1e6)
    judge(health, 12, -50.0)
    for step in range(13, 32):
        judge(health, step, -1e6)
    with pytest.raises(DivergenceError, match=r"objective fell from -100 to -1e\+06"):
        judge(health, 32, -1e6)


WARMED = {
    "tc": replace(ELBO, kind="tc", beta=16.0, tc_warm_up=WarmUp(2000)),
    "kl": replace(ELBO, kl_warm_up=WarmUp(2000)),
    "cycles": replace(ELBO, kl_warm_up=WarmUp(100, 200)),
}


@pytest.mark.parametrize("goal", WARMED.values(), ids=WARMED)
def test_a_penalty_that_warms_up_is_no_runaway_but_one_that_grows_is(goal):
    health = Health(goal)
    for step in range(1, 2500):
        judge(health, step, -100.0, kl=3000.0, tc=700.0)
    for step in range(2500, 2519):
        judge(health, step, -100.0, kl=3e6, tc=7e5)
    with pytest.raises(DivergenceError, match="diverged at step 2519"):
        judge(health, 2519, -100.0, kl=3e6, tc=7e5)


def test_a_gradient_that_is_not_finite_is_named():
    terms = {"objective": 1.0, "gradient_norm": math.inf}
    with pytest.raises(DivergenceError, match="gradient_norm is inf"):
        Health(ELBO).check(4, terms, "images 1, …")
