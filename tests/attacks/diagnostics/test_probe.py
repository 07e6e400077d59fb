"""What a probe shows of a model, and nothing else."""

import pytest
import torch

from seatbelt_vae.attacks import LatentLoss, Problem
from seatbelt_vae.attacks.diagnostics.probe import probe
from tests.attacks.models import (
    DetachedGradient,
    Linear,
    MaskedGradient,
    Noisy,
    Saturated,
    Training,
    TwoLayers,
    images,
)

SOUND = {
    "repeatable": True,
    "gradient_usable": True,
    "clamped_units": 0,
    "training_mode": False,
}


def probed(model, pairs=1, path="mean", layers=(0,)):
    sides = [torch.stack(s) for s in zip(*(images(k) for k in range(1, pairs + 1)), strict=True)]
    generators = [torch.Generator().manual_seed(k) for k in range(pairs)]
    problem = Problem.of(model, LatentLoss(layers, path=path), *sides, generators)
    return problem, probe(model, problem, generators)


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        (Linear, {}),
        (Noisy, {"repeatable": False}),
        (MaskedGradient, {"gradient_usable": False}),
        (DetachedGradient, {"gradient_usable": False}),
        (Saturated, {"clamped_units": 3}),
        (Training, {"training_mode": True}),
    ],
)
def test_a_probe_shows_what_is_wrong_and_nothing_else(model, shown):
    _, found = probed(model(), pairs=2)
    assert [one.__dict__ for one in found] == [SOUND | shown] * 2


def test_a_module_behind_an_adapter_is_looked_at():
    adapter = Linear()
    adapter.network = torch.nn.Sequential(torch.nn.BatchNorm2d(1))
    _, (shown,) = probed(adapter)
    assert shown.training_mode
    adapter.network.eval()
    _, (shown,) = probed(adapter)
    assert not shown.training_mode


@pytest.mark.parametrize(("path", "repeatable"), [("common", True), ("sampled", False)])
def test_a_loss_that_draws_afresh_is_not_repeatable(path, repeatable):
    _, (found,) = probed(TwoLayers(), path=path, layers=(1,))
    assert found.repeatable == repeatable


def test_one_layer_left_in_training_mode_is_enough():
    model = Training().eval()
    model.add_module("inner", torch.nn.Sequential(torch.nn.BatchNorm1d(2)))
    assert probed(model)[1][0].training_mode
    assert not probed(model.eval())[1][0].training_mode


def test_a_gradient_that_is_not_finite_is_not_usable(monkeypatch):
    def infinite(_self, points, _pairs):
        return torch.full_like(points, torch.inf)

    monkeypatch.setattr(Problem, "gradient", infinite)
    assert not probed(Linear())[1][0].gradient_usable
