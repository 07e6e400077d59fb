"""Detection of diverged runs, also during a warm-up."""

import math

import pytest
import torch

from seatbelt_vae.config import ObjectiveConfig
from seatbelt_vae.errors import DivergenceError
from seatbelt_vae.objectives import Objective, PenaltySetup
from seatbelt_vae.training.health import Health

ELBO = Objective()


def objective_of(preset, **settings):
    return Objective.of(preset, PenaltySetup((3,), 600, ObjectiveConfig(**settings)))


def judge(health, step, likelihood, kl=0.0, tc=0.0, of_kl=1.0, of_tc=0.0):
    """Check a step with these terms and these weights of them."""
    weighted = of_kl * kl + of_tc * tc
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


def rise(step, steps=2000, period=10**9):
    return min(1, ((step - 1) % period + 1) / steps)


WARMED = {
    "tc": (("beta-tcvae", {"beta": 16.0, "tc_warm_up": 2000}), lambda n: (1, 15 * rise(n))),
    "kl": (("vae", {"kl_warm_up": 2000}), lambda n: (rise(n), 0)),
    "beta": (("beta-vae", {"beta": 7.0, "kl_warm_up": 2000}), lambda n: (7 * rise(n), 0)),
    "cycles": (
        ("vae", {"kl_warm_up": 100, "warm_up_period": 200}),
        lambda n: (rise(n, 100, 200), 0),
    ),
}


@pytest.mark.parametrize(("goal", "weights"), WARMED.values(), ids=WARMED)
def test_a_penalty_that_warms_up_is_no_runaway_but_one_that_grows_is(goal, weights):
    health = Health(objective_of(goal[0], **goal[1]))
    for step in range(1, 2500):
        judge(health, step, -100.0, 3000.0, 700.0, *weights(step))
    for step in range(2500, 2519):
        judge(health, step, -100.0, 3e6, 7e5, *weights(step))
    with pytest.raises(DivergenceError, match="diverged at step 2519"):
        judge(health, 2519, -100.0, 3e6, 7e5, *weights(2519))


@pytest.mark.parametrize(
    ("preset", "kept"),
    [
        ("vae", [-90.0, 5.0, 7.0]),
        ("beta-vae", [-90.0, 5.0, 7.0]),
        ("seatbelt", [-90.0, 5.0, 2.0, 7.0]),
    ],
)
def test_the_state_that_earlier_versions_stored_is_read(preset, kept):
    """Earlier versions stored the likelihood, the costs of KL and TC, and a count of bad steps."""
    health = Health(objective_of(preset))
    tc = 2.0 if preset == "seatbelt" else 0.0
    health.load({"health": torch.tensor([-90.0, 5.0, tc, 7.0], dtype=torch.float64)})
    assert health.tensors()["health"].tolist() == kept


def test_a_gradient_that_is_not_finite_is_named():
    terms = {"objective": 1.0, "gradient_norm": math.inf}
    with pytest.raises(DivergenceError, match="gradient_norm is inf"):
        Health(ELBO).check(4, terms, "images 1, …")
