"""A run continued on other terms: more steps, another device, other checkpoints."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data import load_for
from seatbelt_vae.errors import ConfigError, ForeignStateError
from seatbelt_vae.runs import RunFolder, read_rows
from seatbelt_vae.training import recorder, train
from seatbelt_vae.training.continuation import decisive
from tests.training.small import config, points, stopped_after, trained, weight_bytes


def rows(run):
    """The metrics, without the empty cells that depend on the steps of the checkpoints."""
    stored = read_rows(run.path / "metrics")
    return [{k: value for k, value in row.items() if value is not None} for row in stored]


def rates(run):
    return [row["learning_rate"] for row in rows(run) if row["split"] == "train"]


def extended(run, **training):
    settings = replace(run.config, training=replace(run.config.training, **training))
    train(run, points(), settings=settings)


@pytest.mark.parametrize("preset", ["seatbelt", "factor-vae"])
def test_an_extended_run_of_constant_rate_equals_one_long_run(tmp_path, preset, caplog):
    terms = {"schedule": "constant", "ema_decay": 0.9}
    whole = trained(tmp_path / "whole", config(preset, steps=40, **terms))
    run = trained(tmp_path / "run", config(preset, steps=20, **terms))
    assert weight_bytes(run) != weight_bytes(whole)
    extended(run, steps=40)
    assert weight_bytes(run) == weight_bytes(whole)
    assert rows(run) == rows(whole)
    assert run.config == whole.config
    assert rates(run) == [3e-3] * 40
    assert "goes on from step 20 to 40: the learning rate is 0.003, constant" in caplog.text


def test_an_extended_run_goes_on_at_the_rate_of_the_longer_cosine(tmp_path, caplog):
    run = trained(tmp_path / "run", config(steps=20))
    extended(run, steps=50)
    cosine = [
        3e-3 * 0.5 * (1 + math.cos(math.pi * step / steps))
        for steps, first, last in ((20, 0, 20), (50, 20, 50))
        for step in range(first, last)
    ]
    assert rates(run) == pytest.approx(cosine)
    assert [message for message in caplog.messages if "goes on" in message] == [
        f"{run.path} goes on from step 20 to 50: the learning rate is {cosine[20]:.3g}, that of a "
        f"cosine over 50 steps, so that the run differs from one of that length; warm-ups are "
        f"unchanged; the model and results of step 20 are in {run.path}/earlier/step-000000020"
    ]
    resumed = weight_bytes(run)
    train(run, points())
    assert weight_bytes(run) == resumed


def test_an_unfinished_extension_is_resumed_to_the_same_weights(tmp_path):
    whole, cut = (trained(tmp_path / name, config(steps=20)) for name in ("whole", "cut"))
    longer = replace(cut.config, training=replace(cut.config.training, steps=50))
    extended(whole, steps=50)
    train(cut, points(), settings=longer, stop=stopped_after(9))
    assert not (cut.path / "model.safetensors").exists()
    train(cut, points())
    assert weight_bytes(cut) == weight_bytes(whole)
    assert rows(cut) == rows(whole)


def test_results_of_the_shorter_run_are_kept_apart(tmp_path):
    run = trained(tmp_path / "run", config(steps=10))
    before = weight_bytes(run)
    for name in ("attacks/output-strong/suite.json", "evaluation/measures.json"):
        run.write_json(name, {})
    extended(run, steps=12)
    earlier = run.path / "earlier" / "step-000000010"
    assert (earlier / "model.safetensors").read_bytes() == before
    assert (earlier / "attacks" / "output-strong" / "suite.json").exists()
    assert (earlier / "evaluation" / "measures.json").exists()
    assert not (run.path / "attacks").exists()
    assert not (run.path / "evaluation").exists()


def test_epochs_extend_a_run_too(tmp_path):
    run = trained(tmp_path / "run", config(steps=None, epochs=1))
    per_epoch = len(points().train) // 32
    extended(run, epochs=2)
    assert len(rates(run)) == 2 * per_epoch
    assert run.config.training.epochs == 2


def test_fewer_steps_are_refused_and_nothing_is_written(tmp_path):
    run = trained(tmp_path / "run", config(), stop=stopped_after(5))
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    for steps in (4, 5, 59):
        with pytest.raises(ConfigError) as caught:
            extended(run, steps=steps)
        assert str(caught.value) == (
            f"{run.path} has 60 steps and {steps} were asked for: give at least 60, or train in "
            f"another folder"
        )
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_other_settings_are_refused_by_name(tmp_path):
    run = trained(tmp_path / "run", config(steps=5), stop=stopped_after(2))
    with pytest.raises(ForeignStateError, match=r"other settings \(batch_size 32, not 16\)"):
        extended(run, batch_size=16)
    with pytest.raises(ForeignStateError, match=r"\(schedule cosine, not constant\)"):
        extended(run, schedule="constant")


def test_speed_may_change_and_is_not_stored(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    run = RunFolder.create(tmp_path / "run", config(steps=20, device="cuda"))
    with pytest.raises(ConfigError, match="device is cuda, but torch finds no such GPU"):
        train(run, points())
    extended(run, device="cpu", checkpoint_every=3, threads=None, trackers=())
    assert weight_bytes(run) == weight_bytes(trained(tmp_path / "whole", config(steps=20)))
    assert (run.path / "checkpoints" / "step-000000018").exists()
    assert run.config == config(steps=20, device="cuda")


@pytest.mark.parametrize("done", [2, 6])
@pytest.mark.parametrize("version", ["this one", "with root"])
def test_data_may_move(tmp_path, monkeypatch, done, version):
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))
    file, elsewhere = tmp_path / "x.npy", tmp_path / "y.npy"
    np.save(file, np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8))
    settings = replace(config(steps=6), data=DataConfig("array", str(file)))
    run, whole = (RunFolder.create(tmp_path / name, settings) for name in ("run", "whole"))
    train(whole, load_for(settings))
    with monkeypatch.context() as earlier:
        if version == "with root":
            earlier.setattr(recorder, "decisive", lambda s: replace(decisive(s), data=s.data))
        train(run, load_for(settings), stop=stopped_after(done))
    file.rename(elsewhere)
    moved = replace(settings, data=DataConfig("array", str(elsewhere)))
    train(run, load_for(moved), settings=moved)
    assert run.config == moved
    train(run, load_for(run.config))
    assert weight_bytes(run) == weight_bytes(whole)

    other = replace(settings, data=DataConfig("array", str(file)))
    np.save(file, np.random.default_rng(1).integers(0, 256, (60, 8, 8), np.uint8))
    with pytest.raises(ForeignStateError, match="54 training and 6 held-out images 54 and 6 are"):
        train(run, load_for(other), settings=other)
    assert run.config == moved


def test_data_of_an_older_version_may_not_move(tmp_path):
    run = trained(tmp_path / "run", config(steps=3))
    (run.path / "data.safetensors").unlink()
    moved = replace(run.config, data=replace(run.config.data, root="elsewhere"))
    with pytest.raises(ForeignStateError, match="does not store which images it was trained on"):
        train(run, points(), settings=moved)


def interrupt(_progress):
    """Kill the training before the first checkpoint of its extension."""
    raise KeyboardInterrupt


def test_a_run_of_an_earlier_version_can_be_extended(tmp_path, monkeypatch):
    from seatbelt_vae.training import recorder

    run = RunFolder.create(tmp_path / "run", config(steps=10))
    current = recorder._checkpoint
    with monkeypatch.context() as patch:
        patch.setattr(
            recorder,
            "_checkpoint",
            lambda *about: replace(current(*about), run=current(*about).earlier[0]),
        )
        train(run, points())
    longer = replace(run.config, training=replace(run.config.training, steps=12))
    with pytest.raises(KeyboardInterrupt):
        train(run, points(), settings=longer, on_progress=interrupt)
    train(run, points())
    assert len(rates(run)) == 12
