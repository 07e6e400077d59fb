"""Batteries: what is stored, resumed, refused, and flagged."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from seatbelt_vae.attacks import FLAGS, attack_pair, battery_name, choose_pairs, run_battery
from seatbelt_vae.attacks.controls import matched_noise, probe
from seatbelt_vae.attacks.flags import battery_flags
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.data import load
from seatbelt_vae.errors import DataError, ForeignStateError
from seatbelt_vae.models import load_model
from seatbelt_vae.runs import read_json, read_rows, read_tensors
from tests.attacks.battery_runs import CONFIG, make_run, sprites
from tests.attacks.models import (
    Linear,
    MaskedGradient,
    MisleadingGradient,
    Noisy,
    Saturated,
    images,
)
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def battery(tmp_path_factory):
    """A run and its finished battery."""
    run = make_run(tmp_path_factory.mktemp("battery") / "run")
    return run, run_battery(run, sprites(), CONFIG)


def stored(folder):
    rows = read_rows(folder, "pair-*.parquet")
    return rows, [read_tensors(path) for path in sorted(folder.glob("pair-*.safetensors"))]


def assert_same(one, other):
    assert one[0] == other[0]
    for mine, theirs in zip(one[1], other[1], strict=True):
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_one_row_a_weight_and_its_image(battery):
    _, folder = battery
    rows, tensors = stored(folder)
    assert len(rows) == CONFIG.pairs * 5
    documented = (ROOT / "docs" / "rows.md").read_text()
    assert all(f"`{column}`" in documented for column in rows[0])
    for row in rows:
        adversarial = tensors[row["pair"]]["adversarial"]
        place = [r["weight"] for r in rows if r["pair"] == row["pair"]].index(row["weight"])
        distance = (adversarial[place] - tensors[row["pair"]]["x"]).double().norm()
        assert row["distance"] == pytest.approx(float(distance), abs=1e-5)
        assert row["delta"] == pytest.approx(row["divergence"] + row["weight"] * row["distance"])
        assert row["delta"] <= row["bound"] * (1 + 1e-6)


def test_a_missing_pair_is_attacked_again_to_the_same_numbers(battery):
    run, folder = battery
    before = stored(folder)
    (folder / "pair-0002.parquet").unlink()
    told = []
    run_battery(run, sprites(), CONFIG, on_pair=told.append)
    assert_same(stored(folder), before)
    assert [done.resumed for done in told] == [True, True, False, True]


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"restarts": 2}, "config"), ({"seed": 4}, "config, pairs"), ({"pairs": 3}, "config, pairs")],
)
def test_other_settings_are_refused(battery, changed, named):
    run, folder = battery
    with pytest.raises(ForeignStateError) as caught:
        run_battery(run, sprites(), replace(CONFIG, **changed))
    assert str(caught.value) == (
        f"{folder} holds a battery with another {named}: expected the one being resumed; delete "
        f"that folder to attack anew"
    )


def test_another_model_is_refused_and_another_thread_count_is_not(tmp_path, battery):
    run, _ = battery
    other = make_run(tmp_path / "run", seed=1)
    (run.path / "model.safetensors").replace(tmp_path / "kept")
    (other.path / "model.safetensors").replace(run.path / "model.safetensors")
    with pytest.raises(ForeignStateError, match="another model"):
        run_battery(run, sprites(), CONFIG)
    (tmp_path / "kept").replace(run.path / "model.safetensors")
    run_battery(run, sprites(), replace(CONFIG, threads=1))


def test_names_tell_batteries_apart():
    configs = [
        AttackConfig(),
        AttackConfig(loss="output"),
        AttackConfig(layers="top"),
        AttackConfig(path="common"),
        AttackConfig(protocol="paper"),
        AttackConfig(weights="published"),
    ]
    assert len({battery_name(config) for config in configs}) == len(configs)


def test_flags_are_stored_and_documented(battery):
    _, folder = battery
    flags = read_json(folder / "flags.json")
    measured = {"paths differ", "pairs not told apart"}
    assert [flag["name"] for flag in flags] == [name for name in FLAGS if name not in measured]
    table = (ROOT / "docs" / "flags.md").read_text()
    for name, meaning in FLAGS.items():
        assert f"| {name} | {meaning.raised_if} | {meaning.means} | {meaning.do} |" in table


def raised(model, config=None, pair=0):
    x, target = images()
    config = config or AttackConfig(weight_count=4, restarts=0, recheck=0, max_evaluations=20)
    result = attack_pair(model, x, target, config, pair)
    checks = probe(model, result, torch.Generator().manual_seed(0)).__dict__
    beats = matched_noise(result, torch.Generator().manual_seed(1)) < (
        result.delta - 1e-6 * result.problem.span
    )
    rows = [
        {"pair": 0, **row, **checks, "noise_beats": b}
        for row, b in zip(result.rows(), beats.tolist(), strict=True)
    ]
    return {flag.name for flag in battery_flags(rows) if flag.raised}


def test_a_sound_model_raises_no_flag():
    assert raised(Linear(), AttackConfig(weight_count=6, restarts=1)) == set()


def test_each_flag_is_raised_by_a_model_that_deserves_it():
    weak = AttackConfig(protocol="single", weight_count=9, max_evaluations=2, recheck=0)
    assert "encoder not repeatable" in raised(Noisy())
    assert "gradient not usable" in raised(MaskedGradient())
    assert "noise beats the attack" in raised(MisleadingGradient(), weak)
    assert "log-variance clamp active" in raised(Saturated())
    assert "trivial bound exceeded" in raised(Linear(), weak)


def test_training_mode_is_flagged(battery):
    run, _ = battery
    model = load_model(run).train()
    x, target = sprites().test.batch(np.array([3, 900]))
    config = AttackConfig(weight_count=2, restarts=0, recheck=0, max_evaluations=2)
    result = attack_pair(model.eval(), x, target, config, 0)
    model.encoder.layers[1].train()
    assert probe(model, result, torch.Generator()).training_mode


def test_unconverged_and_unsound_curves_are_flagged():
    row = {
        "pair": 0, "repeatable": True, "training_mode": False, "gradient_usable": True,
        "clamped_units": 0, "exceeds_bound": False, "noise_beats": False, "outside_bounds": False,
        "unconverged": 0.02, "raw_violation": 0.01,
    }  # fmt: skip
    flags = {flag.name: flag for flag in battery_flags([row])}
    assert flags["not converged"].raised
    assert flags["raw curve not a minimum's"].raised
    calm = {**row, "unconverged": None, "raw_violation": 0.0, "outside_bounds": True}
    flags = {flag.name: flag for flag in battery_flags([calm])}
    assert not flags["not converged"].raised
    assert flags["outside the bounds"].raised


def test_noise_has_the_attacks_own_size():
    model, (x, target) = Linear(), images()
    model.bounds = (-1.0, 1.0)
    config = AttackConfig(weight_count=5, restarts=0)
    result = attack_pair(model, x.clamp(-1, 1), target.clamp(-1, 1), config, 0)
    noise = matched_noise(result, torch.Generator().manual_seed(0))
    # no random point can be below the divergence alone, nor above the start with full distance
    assert (noise >= result.delta - 1e-9).all()
    assert (noise <= result.problem.divergence_start * 3 + result.weights * result.distance).all()


def test_pairs_are_disjoint_images_and_depend_on_the_seed_only():
    data = sprites()
    pairs = choose_pairs(data, 30, seed=0)
    pixels = {data.test.batch(np.array([i])).numpy().tobytes() for pair in pairs for i in pair}
    assert len(pixels) == 60
    assert pairs == choose_pairs(load("dsprites", None, None, 32), 30, seed=0)
    assert pairs != choose_pairs(data, 30, seed=1)


def test_too_few_images_are_named():
    data = load("swiss-roll")
    with pytest.raises(DataError, match=r"has 1000 different images, expected at least 1002"):
        choose_pairs(data, 501, seed=0)
