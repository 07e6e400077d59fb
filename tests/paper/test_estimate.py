"""What a plan would cost: counts by hand, hours from a clock that the test sets."""

import itertools
import math

import pytest

from seatbelt_vae.paper import estimate as module
from seatbelt_vae.paper.estimate import estimate
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.plan import plan
from seatbelt_vae.paper.sizes import SIZES


def test_counts_and_hours(monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr(module, "perf_counter", lambda: float(next(ticks)))
    size = SIZES["smoke"]
    whole = plan([EXPERIMENTS["fig1"]], size)
    cost = estimate(whole)
    assert (cost.models, cost.steps) == (3, 3 * size.training.steps)
    assert cost.rows == whole.rows
    assert len(cost.timed) == 2
    # a step and a timed battery take one tick each, whatever they take
    attack = size.attack
    timed = min(attack.pairs, math.ceil(25 / attack.weight_count))
    hours = 3 * attack.pairs / timed / 3600
    assert cost.attack_hours == pytest.approx({"strong": hours, "paper": hours})
    assert cost.hours == cost.training_hours + sum(cost.attack_hours.values())
    assert cost.training_hours > 0
