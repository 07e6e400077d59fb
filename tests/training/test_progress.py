"""The throughput of a run, measured since it was started or resumed."""

import math

import pytest

from seatbelt_vae.training import progress
from seatbelt_vae.training.progress import Clock


def test_speed_and_time_left_are_those_since_the_start_or_the_resume(monkeypatch):
    monkeypatch.setattr(progress.time, "perf_counter", lambda: 14.0)
    clock = Clock(batch_size=32, first_step=100, started=10.0)
    now = clock.progress(120, 200, {"elbo": -3.0})
    assert (now.step, now.steps, now.terms) == (120, 200, {"elbo": -3.0})
    # 20 steps in 4 seconds, and 80 are left
    assert now.images_per_second == pytest.approx(5 * 32)
    assert now.seconds_left == pytest.approx(16)
    assert clock.progress(100, 200, {}).seconds_left == math.inf
