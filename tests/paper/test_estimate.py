"""The cost of a plan: counts by hand, hours from a fake clock."""

import itertools
import math
from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from seatbelt_vae.data.source import Source
from seatbelt_vae.errors import DataError
from seatbelt_vae.paper import DEFENCE_SIZES, DEFENCES
from seatbelt_vae.paper import estimate as module
from seatbelt_vae.paper.estimate import estimate
from seatbelt_vae.paper.experiment_jobs import plan, sets_of
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.sizes import SIZES
from tests.data.written_sets import fashion_mnist


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


@pytest.mark.usefixtures("a_second_a_step")
def test_a_model_of_each_data_set_is_timed(tmp_path):
    _, root = fashion_mnist(tmp_path)
    chosen = [EXPERIMENTS["table1"], EXPERIMENTS["fig1"]]
    whole = plan(chosen, SIZES["smoke"], {"fashion-mnist": str(root)})
    timed = Counter(
        (run.data.name, len(run.model.latent_sizes) > 1)
        for run in (whole.jobs[label].run for label in estimate(whole).timed)
    )
    sets = ("dsprites", "fashion-mnist")
    assert timed == dict.fromkeys(itertools.product(sets, (False, True)), 1)


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


def test_the_cost_of_defences_counts_hardenings_and_one_strength(monkeypatch):
    timed = []

    def pace(job, _, attacks, hardening):
        timed.append(job.run)
        return module._Pace(2.0, dict.fromkeys(attacks, 36.0), 7200.0 if hardening else 0.0)

    monkeypatch.setattr(module, "_timed", pace)
    size = DEFENCE_SIZES["smoke"]
    cost = estimate(plan([DEFENCES], size))
    assert (cost.models, cost.rows) == (16, 16 * size.attack.pairs)
    assert cost.steps == 15 * size.training.steps + size.hardening.steps
    assert cost.training_hours == pytest.approx(2.0 + 15 * size.training.steps * 2 / 3600)
    assert cost.attack_hours == pytest.approx({"strong": 16 * size.attack.pairs / 100})
    # the radius and β change no cost: denoising with one layer and with several
    assert sum("denoising-adversarial" in run.objective.defence for run in timed) == 2


def test_a_hardened_model_and_budgeted_attacks_are_timed():
    size = DEFENCE_SIZES["smoke"]
    whole = plan([DEFENCES], size)
    job = whole.jobs["dsprites-vae-z4-beta1-seed0"]
    (attack,) = job.attacks
    data = dict(sets_of(whole))["dsprites"]
    pace = module._timed(job, data, {("strong", attack.loss): attack}, size.hardening)
    assert min(pace.step, pace.hardening, *pace.pair.values()) > 0
