"""Batteries: what is stored, resumed, refused, and flagged."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from seatbelt_vae.attacks import FLAGS, attack_pair, battery_name, choose_pairs, run_battery
from seatbelt_vae.attacks.controls import matched_noise, probe
from seatbelt_vae.attacks.flags import battery_flags
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.data import load
from seatbelt_vae.data.dataset import Split
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
    Training,
    images,
)
from tests.conftest import ROOT

# flags that evaluation judges, not the battery
MEASURED = {"paths differ", "pairs not told apart"}


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


def test_what_is_stored_is_what_the_model_does(battery):
    run, folder = battery
    rows, tensors = stored(folder)
    model, test = load_model(run), sprites().test
    for row in rows:
        images = tensors[row["pair"]]
        x, target = test.batch(np.array([row["input_index"], row["target_index"]]))
        assert torch.equal(images["x"], x)
        assert torch.equal(images["target"], target)
        weights = [r["weight"] for r in rows if r["pair"] == row["pair"]]
        adversarial = images["adversarial"][weights.index(row["weight"])]
        assert adversarial.abs().max() <= 1
        with torch.no_grad():
            q, aimed = (model.encode(image[None]).layers for image in (adversarial, target))
        parts = [
            float(kl_divergence(*(Normal(n.mean, n.std) for n in pair)).sum())
            for pair in zip(q, aimed, strict=True)
        ]
        scale = row["divergence_start"]
        assert row["divergence_parts"] == pytest.approx(parts, rel=1e-3, abs=1e-4 * scale)
        assert row["divergence"] == pytest.approx(sum(row["divergence_parts"]))


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


def test_other_data_are_refused(battery):
    run, folder = battery
    other = replace(sprites(), name="another")
    with pytest.raises(ForeignStateError) as caught:
        run_battery(run, other, CONFIG)
    assert str(caught.value).startswith(f"{folder} holds a battery with another data: expected")
    fewer = replace(sprites(), test=replace(other.test, indices=other.test.indices[:-1]))
    with pytest.raises(ForeignStateError, match="another test_images, pairs: expected"):
        run_battery(run, fewer, CONFIG)


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
    assert [flag["name"] for flag in flags] == [name for name in FLAGS if name not in MEASURED]
    lines = (ROOT / "docs" / "flags.md").read_text().splitlines()
    table = [line for line in lines if line.startswith("|")]
    expected = [f"| {n} | {m.raised_if} | {m.means} | {m.do} |" for n, m in FLAGS.items()]
    assert table == ["| flag | raised if | it means | do |", "|---|---|---|---|", *expected]


CALM = AttackConfig(weight_count=4, restarts=0, recheck=0, max_evaluations=20)
HASTY = AttackConfig(weight_count=9, restarts=0, recheck=1, max_evaluations=1)
WEAK = AttackConfig(protocol="single", weight_count=9, max_evaluations=2, recheck=0)


def flags_of(model, config=CALM, spoil=lambda result: result):
    """The names of the flags that an attack on one pair raises."""
    result = spoil(attack_pair(model, *images(), config, 0))
    checks = probe(model, result, torch.Generator().manual_seed(0)).__dict__
    beats = matched_noise(result, torch.Generator().manual_seed(1)) < (
        result.delta - 1e-6 * result.problem.span
    )
    rows = [
        {"pair": 0, **row, **checks, "noise_beats": b}
        for row, b in zip(result.rows(), beats.tolist(), strict=True)
    ]
    return {flag.name for flag in battery_flags(rows) if flag.raised}


def pushed_out(result):
    return replace(result, adversarial=result.adversarial + 10)


@pytest.mark.parametrize(
    ("raised", "arguments"),
    [
        ([], [Linear(), CALM]),
        ([], [Linear(), AttackConfig(weight_count=6, restarts=1)]),
        (["model in training mode"], [Training()]),
        (["gradient not usable"], [MaskedGradient()]),
        (["log-variance clamp active"], [Saturated()]),
        (["not converged"], [Linear(), HASTY]),
        (["outside the bounds"], [Linear(), CALM, pushed_out]),
        (
            ["noise beats the attack", "raw curve not a minimum's", "trivial bound exceeded"],
            [MisleadingGradient(), WEAK],
        ),
    ],
)
def test_each_flag_is_raised_by_what_deserves_it_and_no_other(raised, arguments):
    assert flags_of(*arguments) == set(raised)


def test_a_noisy_encoder_is_flagged():
    # which other flags its attack raises is up to the noise
    assert "encoder not repeatable" in flags_of(Noisy())


def test_figures_of_flags_are_over_pairs_and_rows():
    row = {
        "repeatable": True, "training_mode": False, "gradient_usable": True, "clamped_units": 0,
        "exceeds_bound": False, "noise_beats": False, "outside_bounds": False,
        "unconverged": 0.0, "raw_violation": 0.0,
    }  # fmt: skip
    rows = [{**row, "pair": pair} for pair in (0, 0, 1, 1)]
    rows[1]["exceeds_bound"] = True
    for changed in rows[2:]:
        changed.update(repeatable=False, unconverged=0.03, raw_violation=0.002, clamped_units=4)
    found = {flag.name: (flag.raised, flag.value) for flag in battery_flags(rows)}
    assert found["encoder not repeatable"] == (True, 1 / 2)
    assert found["trivial bound exceeded"] == (True, 1 / 4)
    assert found["not converged"] == (True, 0.03 / 2)
    assert found["raw curve not a minimum's"] == (True, 0.002)
    assert found["log-variance clamp active"] == (True, 4)
    assert found["model in training mode"] == found["outside the bounds"] == (False, 0)


def test_convergence_that_was_not_checked_is_said():
    single = AttackConfig(protocol="single", weight_count=3, restarts=0)
    result = attack_pair(Linear(), *images(), single, 0)
    checks = probe(Linear(), result, torch.Generator()).__dict__
    flags = battery_flags(
        [{"pair": 0, **row, **checks, "noise_beats": False} for row in result.rows()]
    )
    (flag,) = (flag for flag in flags if flag.name == "not converged")
    assert (flag.raised, flag.detail) == (False, "not checked under this protocol")


def test_pairs_are_disjoint_images_and_depend_on_the_seed_only():
    data = sprites()
    pairs = choose_pairs(data, 30, seed=0)
    pixels = {data.test.batch(np.array([i])).numpy().tobytes() for pair in pairs for i in pair}
    assert len(pixels) == 60
    assert pairs == choose_pairs(load("dsprites", None, None, 32), 30, seed=0)
    assert pairs != choose_pairs(data, 30, seed=1)


def test_the_same_picture_under_two_labels_is_one_image():
    six = sprites().test.batch(np.arange(6)).numpy()
    split = Split(np.arange(60), lambda indices: six[indices % 6])
    data = replace(sprites(), test=split)
    chosen = {position % 6 for pair in choose_pairs(data, 3, seed=0) for position in pair}
    assert chosen == set(range(6))
    with pytest.raises(DataError) as caught:
        choose_pairs(data, 4, seed=0)
    assert str(caught.value) == (
        "the test split of 'dsprites' has 6 different images, expected at least 8 for 4 pairs: "
        "ask for fewer pairs"
    )
