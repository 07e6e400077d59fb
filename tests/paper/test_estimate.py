"""The cost of a plan: counts by hand, hours from a fake clock."""

import itertools
import math
from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from seatbelt_vae.data.source import Source
from seatbelt_vae.errors import DataError
from seatbelt_vae.paper import estimate as module
from seatbelt_vae.paper.estimate import estimate
from seatbelt_vae.paper.experiment_jobs import plan
from seatbelt_vae.paper.experiments import EXPERIMENTS
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
    # a step and a timed suite take one tick each, whatever they take
    attack = size.attack
    timed = min(attack.pairs, math.ceil(25 / attack.weight_count))
    hours = 3 * attack.pairs / timed / 3600
    assert cost.attack_hours == pytest.approx({"strong": hours, "paper": hours})
    assert cost.hours == cost.training_hours + sum(cost.attack_hours.values())
    assert cost.training_hours > 0


ABSENT = {"fashion-mnist": "nowhere"}


@pytest.fixture
def a_second_a_step(monkeypatch):
    pace = module._Pace(1.0, defaultdict(float))
    monkeypatch.setattr(module, "_timed", lambda *_: pace)


@pytest.mark.usefixtures("a_second_a_step")
def test_sets_that_are_not_here_are_named_and_their_models_cost_nothing():
    size = SIZES["smoke"]
    alone = plan([EXPERIMENTS["fig1"]], size)
    cost = estimate(plan([EXPERIMENTS["table1"], EXPERIMENTS["fig1"]], size, ABSENT))
    assert list(cost.missing) == ["fashion-mnist"]
    assert cost.missing["fashion-mnist"].startswith("no such folder: nowhere")
    assert (cost.models, cost.rows) == (len(alone.jobs), alone.rows)
    assert cost.training_hours == pytest.approx(3 * size.training.steps / 3600)
    assert estimate(alone).missing == {}


def test_without_any_of_its_sets_nothing_can_be_estimated():
    with pytest.raises(DataError, match="no such folder: nowhere"):
        estimate(plan([EXPERIMENTS["table1"]], SIZES["smoke"], ABSENT))


@pytest.mark.usefixtures("a_second_a_step")
def test_a_set_is_loaded_once_however_many_models_are_trained_on_it(monkeypatch):
    smoke, loaded = SIZES["smoke"], Counter()
    load = Source.load

    def counted(source, config):
        loaded[config] += 1
        return load(source, config)

    monkeypatch.setattr(Source, "load", counted)
    epochs = replace(smoke, training=replace(smoke.training, steps=None, epochs=2))
    cost = estimate(plan([EXPERIMENTS["fig1"]], epochs))
    assert cost.steps == 3 * 2 * (663_552 // smoke.training.batch_size)
    assert list(loaded.values()) == [1]
