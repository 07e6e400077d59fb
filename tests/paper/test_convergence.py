"""The table of trainings: the rise of the ELBO at the end, layers in use, r₀."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import linregress

from seatbelt_vae.paper.convergence import QUERY, trainings
from tests.paper.made_up import MadeUp

STEPS = 200
NOISE = np.random.default_rng(0)
# the slope changes before the last tenth
ELBO = [-300 + 1.5 * min(k, 180) + 0.02 * k + NOISE.normal() for k in range(1, STEPS + 1)]


@pytest.fixture(scope="module")
def training():
    metrics = [
        {"run": "a", "step": step, "split": split, "elbo": value + shift}
        for split, shift in (("train", 0.0), ("validation", 50.0))
        for step, value in enumerate(ELBO, start=1)
    ]
    run = {"run": "a", "data": "faces", "beta": 1.0, "seed": 2, "depth": 2, "batch_size": 64}
    run["preset"] = "hvae"
    run |= {"latent_sizes": [4, 3], "top_size": 3, "free_bits": 0.125}
    evaluation = {"run": "a", "elbo": -25.0, "divergences": [9.0, 1.5], "tc_lower": 0.3}
    evaluation |= {"active_units": [4, 0], "sigma_norm_mean": [0.5, 1.25]}
    attacked = [
        {"run": "a", "loss": loss, "layers": layers, "strength": strength, "divergence_start": r0}
        for loss, layers, strength, r0 in (
            ("latent-kl", "all", "strong", 10.0),
            ("latent-kl", "all", "strong", 14.0),
            ("latent-kl", "all", "paper", 99.0),
            ("latent-kl", "top", "strong", 99.0),
            ("output", "all", "strong", 99.0),
        )
    ]
    members = [{"run": "a", "experiment": "fig3", "series": series} for series in ("β-VAE", "VAE")]
    views = {"metrics": metrics, "runs": [run], "evaluations": [evaluation]}
    store = MadeUp({**views, "attacks": attacked, "members": members})
    (found,) = trainings(store)
    return found


def test_the_rise_is_that_of_a_line_through_the_last_tenth(training):
    line = linregress(range(181, STEPS + 1), ELBO[180:])
    assert training.rise == pytest.approx(20 * line.slope)
    assert training.rise_error == pytest.approx(20 * line.stderr)
    assert (training.steps, training.images) == (STEPS, 64 * STEPS)


def test_layers_and_starts(training):
    assert (training.data, training.model, training.seed) == ("faces", "hvae", 2)
    assert training.layers == [(4, 4), (0, 3)]
    assert training.unused_layers == [2]
    assert (training.top_kl, training.tc, training.sigma) == (1.5, 0.3, [0.5, 1.25])
    assert training.tc_limit is None
    assert training.floors == pytest.approx(1.5 / (3 * 0.125))
    assert training.r0 == 12


@pytest.mark.parametrize(
    ("rise", "error", "rising"),
    [(0.3, 0.1, True), (0.2, 0.05, False), (0.3, 0.2, False), (-3.0, 0.1, False)],
)
def test_a_rise_counts_beyond_a_percent_and_its_error(training, rise, error, rising):
    assert replace(training, rise=rise, rise_error=error).still_rising is rising


def test_a_model_that_others_trained_has_no_steps():
    run = {"run": "a", "data": "faces", "beta": 6.0, "depth": 1, "latent_sizes": [2], "top_size": 2}
    evaluation = {"run": "a", "elbo": -25.0, "divergences": [9.0], "sigma_norm_mean": [0.5]}
    evaluation |= {"tc_lower": 12.5, "tc_saturated": True, "tc_images": 2000, "active_units": [2]}
    members = [{"run": "a", "experiment": "public", "series": "β-TCVAE"}]
    store = MadeUp({"runs": [run], "evaluations": [evaluation], "members": members})
    (found,) = trainings(store)
    assert (found.steps, found.images, found.rise, found.still_rising) == (None, None, None, False)
    assert (found.tc, found.tc_limit, found.r0) == (12.5, 2000, None)


def test_without_trainings_the_table_is_empty():
    assert trainings(MadeUp({})) == []
    assert "ORDER BY ALL" in QUERY
