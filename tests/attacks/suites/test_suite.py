"""Suites: what is stored, resumed, refused, and flagged."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from seatbelt_vae.attacks import FLAGS, run_suite, suite_name
from seatbelt_vae.attacks.attack_rows import COLUMNS
from seatbelt_vae.attacks.suites import suite as suites
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ArtifactError, ForeignStateError
from seatbelt_vae.models import load_model
from seatbelt_vae.runs import read_json, read_rows, read_tensors, write_rows
from seatbelt_vae.runs.digest import digest_of
from tests.attacks.suite_runs import CONFIG, make_run, sprites

# flags that evaluation judges, not the suite
MEASURED = {
    "paths differ",
    "pairs not told apart",
    "gap not converged",
    "transfer lowers the gap",
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """A run and its finished suite."""
    run = make_run(tmp_path_factory.mktemp("suite") / "run")
    return run, run_suite(run, sprites(), CONFIG)


def stored(folder):
    rows = read_rows(folder, "pair-*.parquet")
    return rows, [read_tensors(path) for path in sorted(folder.glob("pair-*.safetensors"))]


def assert_same(one, other):
    assert one[0] == other[0]
    for mine, theirs in zip(one[1], other[1], strict=True):
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_one_row_a_level_and_its_image(suite):
    _, folder = suite
    rows, tensors = stored(folder)
    assert len(rows) == CONFIG.pairs * 5
    assert list(rows[0]) == [column.name for column in COLUMNS]
    for row in rows:
        adversarial = tensors[row["pair"]]["adversarial"]
        place = [r["level"] for r in rows if r["pair"] == row["pair"]].index(row["level"])
        distance = (adversarial[place] - tensors[row["pair"]]["x"]).double().norm()
        assert row["distance"] == pytest.approx(float(distance), abs=1e-5)
        assert row["delta"] == pytest.approx(row["divergence"] + row["level"] * row["distance"])
        assert row["delta"] <= row["bound"] * (1 + 1e-6)


def test_what_is_stored_is_what_the_model_does(suite):
    run, folder = suite
    rows, tensors = stored(folder)
    model, test = load_model(run), sprites().test
    for row in rows:
        images = tensors[row["pair"]]
        x, target = test.batch(np.array([row["input_index"], row["target_index"]]))
        assert torch.equal(images["x"], x)
        assert torch.equal(images["target"], target)
        weights = [r["level"] for r in rows if r["pair"] == row["pair"]]
        adversarial = images["adversarial"][weights.index(row["level"])]
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


def test_a_missing_pair_is_attacked_again_to_the_same_numbers(suite):
    run, folder = suite
    before = stored(folder)
    (folder / "pair-00002.parquet").unlink()
    told = []
    run_suite(run, sprites(), CONFIG, on_pairs=told.append)
    assert_same(stored(folder), before)
    assert [(now.done, now.resumed) for now in told] == [(1, 1), (2, 2), (3, 2), (4, 3)]


def test_pairs_of_an_older_version_are_reported_before_others_are_added(suite, caplog):
    run, folder = suite

    def messages():
        caplog.clear()
        run_suite(run, sprites(), CONFIG)
        return [one.getMessage() for one in caplog.records if one.name == suites.__name__]

    (folder / "pair-00002.parquet").unlink()
    assert not messages(), "pairs of this version"
    older = [
        {name: value for name, value in row.items() if name != "at_start"}
        for row in read_rows(folder / "pair-00001.parquet")
    ]
    write_rows(folder / "pair-00001.parquet", older)
    assert not messages(), "no pair is left to attack"
    (folder / "pair-00002.parquet").unlink()
    assert messages() == [
        f"{folder} holds 1 of 4 pairs from an older version; the others are attacked by this one, "
        f"whose solutions may be better: move the folder away to attack all pairs alike"
    ]
    (folder / "pair-00001.parquet").unlink()
    run_suite(run, sprites(), CONFIG)


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"restarts": 2}, "config"), ({"seed": 4}, "config, pairs"), ({"pairs": 3}, "config, pairs")],
)
def test_other_settings_are_refused(suite, changed, named):
    run, folder = suite
    with pytest.raises(ForeignStateError) as caught:
        run_suite(run, sprites(), replace(CONFIG, **changed))
    assert str(caught.value) == (
        f"{folder} holds a suite with another {named}: expected the one being resumed; move "
        f"that folder away to attack anew"
    )


def test_another_model_is_refused_and_another_thread_count_is_not(tmp_path, suite):
    run, _ = suite
    other = make_run(tmp_path / "run", seed=1)
    (run.path / "model.safetensors").replace(tmp_path / "kept")
    (other.path / "model.safetensors").replace(run.path / "model.safetensors")
    with pytest.raises(ForeignStateError, match="another model"):
        run_suite(run, sprites(), CONFIG)
    (tmp_path / "kept").replace(run.path / "model.safetensors")
    run_suite(run, sprites(), replace(CONFIG, threads=1))


def test_other_data_are_refused(suite):
    run, folder = suite
    other = replace(sprites(), name="another")
    with pytest.raises(ForeignStateError) as caught:
        run_suite(run, other, CONFIG)
    assert str(caught.value).startswith(f"{folder} holds a suite with another data: expected")
    fewer = replace(sprites(), test=replace(other.test, indices=other.test.indices[:-1]))
    with pytest.raises(ForeignStateError, match="another test_images, pairs: expected"):
        run_suite(run, fewer, CONFIG)


def test_a_suite_made_before_pairs_could_share_a_factor_is_the_same_suite(suite):
    about = read_json(suite[1] / "suite.json")
    stated = about.pop("digest")
    del about["images"]  # compared by itself
    for later in ("among", "levels", "threads"):
        del about["config"][later]
    about["config"]["protocol"] = about["config"].pop("strength")  # its first name
    about["format"] = 2  # the number in digests, which later formats keep
    assert stated == digest_of(about)


def test_names_tell_suites_apart():
    configs = [
        AttackConfig(),
        AttackConfig(loss="output"),
        AttackConfig(layers="top"),
        AttackConfig(path="common"),
        AttackConfig(vary="orientation"),
        AttackConfig(vary="orientation", among="shape=heart"),
        AttackConfig(vary="orientation", among="shape=heart,scale=5"),
        AttackConfig(strength="paper"),
        AttackConfig(weights="published"),
        AttackConfig(threat="squared-penalty"),
        AttackConfig(threat="l2"),
        AttackConfig(threat="l2", solver="pgd"),
        AttackConfig(threat="l2", loss="output"),
        AttackConfig(loss="output-l2"),
    ]
    assert len({suite_name(config) for config in configs}) == len(configs)


def test_flags_are_stored(suite):
    _, folder = suite
    flags = read_json(folder / "flags.json")
    assert [flag["name"] for flag in flags] == [name for name in FLAGS if name not in MEASURED]


def test_pairs_attacked_together_are_one_chunk(tmp_path):
    run = make_run(tmp_path / "run")
    config = replace(CONFIG, together=3)
    told = []
    folder = run_suite(run, sprites(), config, on_pairs=told.append)
    before = stored(folder)
    (folder / "pair-00001.parquet").unlink()
    run_suite(run, sprites(), config, on_pairs=told.append)
    assert_same(stored(folder), before)
    assert [(now.done, now.resumed) for now in told] == [(3, 0), (4, 0), (3, 0), (4, 1)]


def test_what_was_attacked_is_let_go_once_it_is_stored(tmp_path, monkeypatch):
    """Memory stays flat: nothing of a chunk is alive when the next one is stored."""
    stored, kept = [], suites.store_pairs

    def store(folder, numbers, positions, judged, config):
        gc.collect()
        assert not [numbers for numbers, points in stored if points() is not None]
        stored.append((numbers, weakref.ref(judged.result.points)))
        kept(folder, numbers, positions, judged, config)

    monkeypatch.setattr(suites, "store_pairs", store)
    quick = replace(CONFIG, weight_count=2, restarts=0, recheck=0, gradient_free=0)
    run_suite(make_run(tmp_path / "run"), sprites(), quick)
    assert len(stored) == CONFIG.pairs


def test_a_siblings_suite_serves_as_a_control(tmp_path, suite):
    sibling, theirs = suite
    run = make_run(tmp_path / "run", seed=5)
    folder = run_suite(run, sprites(), CONFIG, sibling=sibling)
    rows = stored(folder)[0]
    assert all(isinstance(row["transfer_beats"], bool) for row in rows)
    assert read_json(folder / "suite.json")["sibling"] == read_json(theirs / "suite.json")["model"]
    model, images = load_model(run), read_tensors(theirs / "pair-00000.safetensors")
    with torch.no_grad():
        q = model.encode(images["adversarial"]).layers
        aimed = model.encode(images["target"][None]).layers
    r = sum(
        kl_divergence(Normal(a.mean, a.std), Normal(b.mean, b.std)).sum(1).double()
        for a, b in zip(q, aimed, strict=True)
    )
    sizes = (images["adversarial"] - images["x"]).flatten(1).double().norm(dim=1)
    for row in rows[:5]:
        best = float((r + row["level"] * sizes).min())
        assert row["delta_transfer"] == pytest.approx(best, rel=1e-3)
    with pytest.raises(ForeignStateError, match="another sibling: expected the one being resumed"):
        run_suite(run, sprites(), CONFIG)


def test_a_sibling_that_was_not_attacked_is_named(tmp_path, suite):
    sibling = make_run(tmp_path / "sibling", seed=6)
    run = make_run(tmp_path / "run", seed=5)
    with pytest.raises(ArtifactError, match=r"has no suite .*: attack it first, with the same"):
        run_suite(run, sprites(), CONFIG, sibling=sibling)
    done, _ = suite
    longer = replace(CONFIG, pairs=5)
    with pytest.raises(ArtifactError, match="lacks pair 4: attack the sibling first, to the end"):
        run_suite(run, sprites(), longer, sibling=done)
    other = make_run(tmp_path / "other", seed=5)
    with pytest.raises(ArtifactError, match="holds another pair of images: attack the sibling on"):
        run_suite(other, sprites(), replace(CONFIG, seed=9), sibling=done)
