"""A user's own loss: what its function is given, and what it must give back."""

import re

import pytest
import torch

from seatbelt_vae.attacks import FunctionLoss, LatentLoss
from seatbelt_vae.errors import ShapeError
from tests.attacks.chain import Chain, generators, pictures

ROWS = torch.tensor([2, 0, 0, 1, 2])


def latent_kl(model, images, targets, noise):
    ours, aims = (model.encode(side, noise).layers for side in (images, targets))
    return sum(q.kl(p) for q, p in zip(ours, aims, strict=True))


@pytest.mark.parametrize("path", ["mean", "common"])
def test_a_library_loss_written_as_a_function_is_the_same(path):
    model, x, target = Chain(3, 2, 2), pictures(3), pictures(3, 2)
    points = pictures(5, 3).requires_grad_()
    found, expected = (
        loss.bind(model, x, target, generators(3))
        for loss in (
            FunctionLoss(latent_kl, path=path, draws=4),
            LatentLoss((1, 2, 3), path=path, draws=4),
        )
    )
    forms = [(found.parts, expected.parts)]
    if path == "common":
        forms.append((found.coarse, expected.coarse))
    assert (found.coarse is None) == (path == "mean")
    for mine, theirs in forms:
        value, wanted = mine(points, ROWS), theirs(points, ROWS).sum(1, keepdim=True)
        torch.testing.assert_close(value, wanted)
        gradients = [torch.autograd.grad(r.sum(), points)[0] for r in (value, wanted)]
        torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("path", ["mean", "common", "sampled"])
def test_it_is_given_the_model_its_rows_targets_and_the_noise_of_the_path(path):
    model, x, target, points, calls = Chain(3, 2), pictures(3), pictures(3, 2), pictures(5, 3), []

    def function(*arguments):
        calls.append(arguments)
        return arguments[1].sum((1, 2, 3))

    bound = FunctionLoss(function, path=path, draws=4).bind(model, x, target, generators(3))
    bound.parts(points, ROWS)
    bound.parts(points, ROWS)
    for given, images, targets, noise in calls:
        assert given is model
        assert images is points
        torch.testing.assert_close(targets, target[ROWS])
        if path == "mean":
            assert noise is None
        else:
            assert [tuple(layer.shape) for layer in noise] == [(4, 5, 3), (4, 5, 2)]
    if path != "mean":
        first, second = (call[3][0] for call in calls)
        assert first.equal(second) == (path == "common")


def test_values_of_draws_are_averaged():
    loss = FunctionLoss(lambda *_: torch.arange(15.0, dtype=torch.float64).view(3, 5))
    bound = loss.bind(Chain(3), pictures(3), pictures(3), generators(3))
    parts = bound.parts(pictures(5), ROWS)
    assert parts.tolist() == [[5], [6], [7], [8], [9]]


@pytest.mark.parametrize(
    ("shape", "got"),
    [
        ((), "()"),
        ((4,), "(4,)"),
        ((5, 1), "(5, 1)"),
        ((5, 3), "(5, 3)"),
        ((2, 3, 5), "(2, 3, 5)"),
    ],
)
def test_another_shape_is_refused(shape, got):
    loss = FunctionLoss(lambda *_: torch.zeros(shape))
    bound = loss.bind(Chain(3), pictures(3), pictures(3), generators(3))
    text = f"the loss function returned shape {got} for 5 images, expected (5,) or (draws, 5)"
    with pytest.raises(ShapeError, match=f"^{re.escape(text)}$"):
        bound.parts(pictures(5), ROWS)


@pytest.mark.parametrize(("floor", "expected"), [(0.0, [0, 0]), (-2.5, [-2.5, -2.5])])
def test_a_floor_holds_for_every_pair(floor, expected):
    loss = FunctionLoss(latent_kl, floor=floor)
    bound = loss.bind(Chain(3), pictures(2), pictures(2), generators(2))
    assert bound.floor.tolist() == expected
    assert bound.floor.dtype == torch.float64


def test_it_may_have_no_floor_and_is_taken_to_be_targeted():
    loss = FunctionLoss(latent_kl, floor=None)
    assert loss.bind(Chain(3), pictures(2), pictures(2), generators(2)).floor is None
    assert loss.targeted
