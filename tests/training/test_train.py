"""The loop: exact resuming, reproducible results, every preset, and early stopping."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from seatbelt_vae.config import PRESETS, dump_toml
from seatbelt_vae.config.training_defences import TRAINING_DEFENCES
from seatbelt_vae.errors import ArtifactError, ConfigError, DivergenceError, ForeignStateError
from seatbelt_vae.objectives import Objective
from seatbelt_vae.runs import RunFolder, atomic_write, read_rows, read_tensors
from seatbelt_vae.training import train
from seatbelt_vae.training.batches import _epoch_order
from seatbelt_vae.training.health import warn_of_collapse
from tests.training.small import (
    STEPS,
    blobs,
    config,
    convolutional,
    held_out_elbo,
    points,
    poisoned,
    stopped_after,
    trained,
    weight_bytes,
)


def defended(settings, defence):
    return replace(settings, objective=replace(settings.objective, defence=(defence,)))


def rows(run):
    return read_rows(run.path / "metrics")


@pytest.mark.parametrize(
    ("preset", "defence"),
    [
        *((preset, "none") for preset in ("vae", "seatbelt", "factor-vae")),
        *(("seatbelt", defence) for defence in TRAINING_DEFENCES),
        *((preset, "denoising-adversarial") for preset in ("beta-tcvae", "factor-vae", "hvae")),
    ],
)
def test_stopped_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path, preset, defence):
    settings = defended(config(preset), defence)
    whole = trained(tmp_path / "whole", settings)
    parts = RunFolder.create(tmp_path / "parts", settings)
    asked = iter([False] * 9 + [True] + [False] * 16 + [True] + [False] * STEPS)
    for _ in range(3):
        train(parts, points(), stop=lambda: next(asked))
    assert weight_bytes(parts) == weight_bytes(whole)
    assert rows(parts) == rows(whole)


def test_a_stop_after_the_last_step_leaves_a_finished_run(tmp_path):
    whole = trained(tmp_path / "whole", config(steps=5))
    run = trained(tmp_path / "run", config(steps=5), stop=stopped_after(5))
    assert weight_bytes(run) == weight_bytes(whole)


def test_work_after_the_last_checkpoint_is_done_again_not_doubled(tmp_path):
    whole = trained(tmp_path / "whole", config())
    run = RunFolder.create(tmp_path / "killed", config())

    def interrupt(progress):
        if progress.step == 24:  # checkpoints at 21 and 28
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(run, points(), on_progress=interrupt)
    assert (run.path / "checkpoints" / "latest").read_text() == "step-000000021\n"
    train(run, points())
    assert weight_bytes(run) == weight_bytes(whole)
    assert rows(run) == rows(whole)
    steps = [row["step"] for row in rows(run) if row["split"] == "train"]
    assert steps == list(range(1, STEPS + 1))


def test_same_seed_same_weights_other_seed_others(tmp_path):
    a, b, c = (trained(tmp_path / n, config(seed=s)) for n, s in (("a", 0), ("b", 0), ("c", 1)))
    assert weight_bytes(a) == weight_bytes(b) != weight_bytes(c)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_learns(tmp_path, preset):
    run = trained(tmp_path / "run", config(preset, steps=150))
    # a discriminator that learns sees more and more TC: what it is part of need not rise
    name = "elbo" if preset == "factor-vae" else "objective"
    values = [r[name] for r in rows(run) if r["split"] == "train"]
    assert sum(values[-20:]) > sum(values[:20])
    assert all(math.isfinite(value) for value in values)


def test_convolutional_models_resume_bit_for_bit(tmp_path):
    # their weights lie in another memory format than their file
    whole = trained(tmp_path / "whole", convolutional(steps=20), blobs())
    parts = RunFolder.create(tmp_path / "parts", convolutional(steps=20))
    asked = iter([False] * 8 + [True] + [False] * 20)
    for _ in range(2):
        train(parts, blobs(), stop=lambda: next(asked))
    assert weight_bytes(parts) == weight_bytes(whole)
    assert rows(parts) == rows(whole)


def test_models_train_in_bf16_and_are_validated_in_float32_as_they_are_used(tmp_path):
    run = RunFolder.create(tmp_path / "run", convolutional(steps=6, precision="bf16"))
    model = train(run, blobs())
    assert all(math.isfinite(r["elbo"]) for r in rows(run))
    (validated,) = [row["elbo"] for row in rows(run) if row["split"] == "validation"]
    assert validated == pytest.approx(held_out_elbo(model, blobs()), rel=1e-5)
    stored = read_tensors(run.path / "model.safetensors").values()
    assert {tensor.dtype for tensor in stored} == {torch.float32, torch.int64}


@pytest.mark.parametrize("defence", TRAINING_DEFENCES)
def test_every_defence_trains_convolutions_in_bf16_as_in_float32(tmp_path, defence):
    found = []
    for precision in ("bf16", "float32"):
        settings = defended(convolutional(steps=2, precision=precision), defence)
        run = trained(tmp_path / precision, settings, blobs())
        found.append([row["objective"] for row in rows(run) if row["split"] == "train"])
    assert found[0] == pytest.approx(found[1], rel=0.01)


def test_learning_rate_is_a_cosine_to_zero(tmp_path):
    run = trained(tmp_path / "run", config())
    rates = [r["learning_rate"] for r in rows(run) if r["split"] == "train"]
    expected = [3e-3 * 0.5 * (1 + math.cos(math.pi * s / STEPS)) for s in range(STEPS)]
    assert rates == pytest.approx(expected)


def test_every_epoch_sees_every_image_once_in_another_order():
    first, second = _epoch_order(0, 0, 100), _epoch_order(0, 1, 100)
    assert sorted(first) == sorted(second) == list(range(100))
    assert list(first) != list(second)
    assert list(first) != list(_epoch_order(1, 0, 100))


def test_nothing_global_changes(tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(12345)  # a state that no run would leave behind
        before = torch.get_rng_state(), torch.get_default_dtype(), torch.get_num_threads()
        trained(tmp_path / "run", config(steps=3))
        assert torch.equal(before[0], torch.get_rng_state())
        assert before[1:] == (torch.get_default_dtype(), torch.get_num_threads())


def test_a_finished_run_is_left_alone(tmp_path):
    run = trained(tmp_path / "run", config(steps=5))
    files = {p: p.stat().st_mtime_ns for p in run.path.rglob("*") if p.is_file()}
    model = train(run, points())
    assert {p: p.stat().st_mtime_ns for p in run.path.rglob("*") if p.is_file()} == files
    assert not model.training
    stored = read_tensors(run.path / "model.safetensors")
    assert all(torch.equal(tensor, stored[name]) for name, tensor in model.state_dict().items())


def test_not_a_number_stops_before_the_weights_are_touched(tmp_path):
    run = RunFolder.create(tmp_path / "run", config())
    with pytest.raises(DivergenceError) as caught:
        train(run, poisoned(points(), after=10))
    batch = points().train.indices[_epoch_order(0, 0, 600)[10 * 32 :][:3]]
    assert str(caught.value) == (
        f"training diverged at step 11: objective is nan, expected finite and rising terms "
        f"(batch of images {batch[0]}, {batch[1]}, {batch[2]}, …); the last checkpoint is "
        f"untouched: check the data with `seatbelt-vae data check`, or train with a lower "
        f"learning_rate, with gradient_clip or in float32"
    )
    assert (run.path / "checkpoints" / "latest").read_text() == "step-000000007\n"
    train(run, points())
    assert weight_bytes(run) == weight_bytes(trained(tmp_path / "whole", config()))


def test_a_heavy_penalty_may_warm_up(tmp_path):
    settings = config("beta-tcvae")
    objective = replace(settings.objective, beta=1000.0, tc_warm_up=50)
    run = trained(tmp_path / "run", replace(settings, objective=objective))
    reached = [row["objective"] for row in rows(run) if row["split"] == "train"]
    assert min(reached[-20:]) < 15 * reached[0] < 0


def test_a_runaway_is_noticed_wherever_the_run_was_interrupted(tmp_path, monkeypatch):
    compute = Objective.__call__

    def spoiled(self, model, x, noise, step=None):
        terms = compute(self, model, x, noise, step)
        worse = 1e6 if (step or 0) >= 5 else 0.0
        return replace(terms, objective=terms.objective - worse)

    monkeypatch.setattr(Objective, "__call__", spoiled)
    for stops in ([], [14], [2, 9, 17]):
        run = RunFolder.create(tmp_path / f"stopped at {stops}", config())
        for steps in (after - before for before, after in pairwise([0, *stops])):
            train(run, points(), stop=stopped_after(steps))
        with pytest.raises(DivergenceError, match="diverged at step 24: the objective fell"):
            train(run, points())


def test_corrupt_newest_checkpoint_falls_back_and_says_so(tmp_path, caplog):
    whole = trained(tmp_path / "whole", config())
    run = RunFolder.create(tmp_path / "run", config())
    asked = iter([False] * 29 + [True])
    train(run, points(), stop=lambda: next(asked))
    newest = run.path / "checkpoints" / "step-000000030" / "state.safetensors"
    newest.write_bytes(newest.read_bytes()[:-20])
    train(run, points())
    assert "falling back to the checkpoint before" in caplog.text
    assert weight_bytes(run) == weight_bytes(whole)
    assert rows(run) == rows(whole)


def test_no_whole_checkpoint_is_an_error(tmp_path):
    run = RunFolder.create(tmp_path / "run", config())
    asked = iter([False] * 15 + [True])
    train(run, points(), stop=lambda: next(asked))
    for state in run.path.glob("checkpoints/*/state.safetensors"):
        data = bytearray(state.read_bytes())
        data[-1] ^= 1
        state.write_bytes(bytes(data))
    with pytest.raises(ArtifactError, match=r"no whole checkpoint in .*: restore one"):
        train(run, points())


def test_checkpoints_of_other_settings_are_refused(tmp_path):
    run = RunFolder.create(tmp_path / "run", config())
    asked = iter([False] * 8 + [True])
    train(run, points(), stop=lambda: next(asked))
    other = dump_toml(config(learning_rate=1e-2))
    atomic_write(run.path / "config.toml", other.encode())
    with pytest.raises(ForeignStateError, match="was made with other settings or data"):
        train(run, points())


def test_other_conditions_are_named_not_refused(tmp_path, caplog, monkeypatch):
    run = RunFolder.create(tmp_path / "run", config())
    asked = iter([False] * 8 + [True])
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "2.0")
        train(run, points(), stop=lambda: next(asked))
    train(run, points())
    assert f"not bit-exact: torch 2.0 → {torch.__version__}" in caplog.text


def test_batch_larger_than_the_data_is_named(tmp_path):
    run = RunFolder.create(tmp_path / "run", config(batch_size=10_000))
    with pytest.raises(ConfigError, match="batch_size 10000 is more than the 600 training images"):
        train(run, points())


def test_a_gpu_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    run = RunFolder.create(tmp_path / "run", config(device="cuda"))
    with pytest.raises(ConfigError, match="device is cuda, but torch finds no such GPU: use --dev"):
        train(run, points())


def test_a_collapsed_layer_is_named_with_advice(tmp_path, caplog):
    settings = config("seatbelt", steps=2)
    objective = replace(settings.objective, beta=1.0, free_bits=0.0)
    run = trained(tmp_path / "fresh", replace(settings, objective=objective))
    validated = [row for row in rows(run) if row["split"] == "validation"][-1]
    assert all(0 <= validated[f"active_{i}"] <= n for i, n in ((1, 4), (2, 3), (3, 2)))
    caplog.clear()
    warn_of_collapse({"elbo": 1.0, "active_1": 4, "active_2": 0, "active_3": 0})
    assert caplog.messages == [
        "posterior collapse: no unit of layer 2, 3 of 3 carries more information than its free "
        "bits; warm the KL up (kl_warm_up), give it free_bits, or lower beta or the depth"
    ]
    warn_of_collapse({"active_1": 1})
    assert len(caplog.messages) == 1


def test_a_model_that_tells_images_by_nothing_is_warned_of(tmp_path, caplog):
    settings = config("beta-vae", steps=300)
    trained(tmp_path / "run", replace(settings, objective=replace(settings.objective, beta=1e4)))
    assert "no unit of layer 1 of 1 carries more information" in caplog.text
