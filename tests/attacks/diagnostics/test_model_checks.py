"""The checks of a model find its fault, and no other."""

import pytest
import torch

from seatbelt_vae.attacks import LatentLoss, Problem
from seatbelt_vae.attacks.diagnostics.model_checks import check_model
from tests.attacks.models import (
    DetachedGradient,
    Linear,
    MaskedGradient,
    Noisy,
    Saturated,
    TwoLayers,
    images,
)

SOUND = {
    "repeatable": True,
    "gradient_usable": True,
    "clamped_units": 0,
    "training_mode": False,
}


def checked(model, pairs=1, path="mean", layers=(1,)):
    sides = [torch.stack(s) for s in zip(*(images(k) for k in range(1, pairs + 1)), strict=True)]
    generators = [torch.Generator().manual_seed(k) for k in range(pairs)]
    problem = Problem.of(model, LatentLoss(layers, path=path), *sides, generators)
    return problem, check_model(model, problem, generators)


@pytest.mark.parametrize(
    ("model", "found"),
    [
        (Linear, {}),
        (Noisy, {"repeatable": False}),
        (MaskedGradient, {"gradient_usable": False}),
        (DetachedGradient, {"gradient_usable": False}),
        (Saturated, {"clamped_units": 3}),
    ],
)
def test_each_fault_is_found_and_no_other(model, found):
    _, checks = checked(model(), pairs=2)
    assert [one.__dict__ for one in checks] == [SOUND | found] * 2


@pytest.mark.parametrize(("path", "repeatable"), [("common", True), ("sampled", False)])
def test_a_loss_that_draws_afresh_is_not_repeatable(path, repeatable):
    _, (found,) = checked(TwoLayers(), path=path, layers=(2,))
    assert found.repeatable == repeatable


def test_a_gradient_that_is_not_finite_is_not_usable(monkeypatch):
    def infinite(_self, points, _pairs):
        return torch.full_like(points, torch.inf)

    monkeypatch.setattr(Problem, "gradient", infinite)
    assert not checked(Linear())[1][0].gradient_usable
