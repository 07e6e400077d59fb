"""The moving average of weights: its formula, and its use as the stored model."""

import copy

import pytest
import torch

from seatbelt_vae.models import load_model
from seatbelt_vae.runs import RunFolder, read_rows, read_tensors
from seatbelt_vae.training import train
from seatbelt_vae.training.trainer import Trainer
from tests.training.small import (
    blobs,
    config,
    convolutional,
    held_out_elbo,
    points,
    stopped_after,
    trained,
    weight_bytes,
)


def test_the_run_leaves_the_average_of_its_weights(tmp_path, monkeypatch):
    passed = []
    step = Trainer.step

    def spied(self, number, x):
        if not passed:
            passed.append(copy.deepcopy(self.model.state_dict()))
        terms = step(self, number, x)
        passed.append(copy.deepcopy(self.model.state_dict()))
        return terms

    monkeypatch.setattr(Trainer, "step", spied)
    run = RunFolder.create(tmp_path / "run", convolutional(steps=3, ema_decay=0.6))
    model = train(run, blobs())
    expected = {name: tensor.double() for name, tensor in passed[0].items()}
    for number, state in enumerate(passed[1:], start=1):
        kept = min(0.6, (1 + number) / (10 + number))
        for name, tensor in state.items():
            expected[name] = kept * expected[name] + (1 - kept) * tensor
    moved = 0
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor.double(), expected[name], rtol=1e-4, atol=1e-6)
            moved += not torch.equal(tensor, passed[-1][name])
    assert moved > 10


def test_an_averaged_run_resumes_to_the_same_bytes(tmp_path):
    settings = config("seatbelt", steps=20, ema_decay=0.9)
    whole = trained(tmp_path / "whole", settings)
    parts = trained(tmp_path / "parts", settings, stop=stopped_after(9))
    train(parts, points())
    assert weight_bytes(whole) == weight_bytes(parts)


def test_the_average_is_what_is_validated(tmp_path):
    run = RunFolder.create(tmp_path / "run", config(steps=20, ema_decay=0.9))
    model = train(run, points())
    (validated,) = [r for r in read_rows(run.path / "metrics") if r["split"] == "validation"]
    assert validated["elbo"] == pytest.approx(held_out_elbo(model, points()), rel=1e-5)


def test_a_stopped_run_is_returned_with_its_average(tmp_path):
    run = RunFolder.create(tmp_path / "run", config(steps=20, ema_decay=0.9))
    model = train(run, points(), stop=stopped_after(9))
    stored = read_tensors(run.path / "checkpoints" / "step-000000009" / "state.safetensors")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, stored[f"average.{name}"])


@pytest.mark.parametrize("decay", [None, 0.9])
def test_the_returned_model_is_the_stored_one(tmp_path, decay):
    run = RunFolder.create(tmp_path / "run", convolutional(steps=4, ema_decay=decay))
    model, stored = train(run, blobs()), load_model(run)
    assert [type(m) for m in model.modules()] == [type(m) for m in stored.modules()]
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), stored.parameters(), strict=True)
    )
