"""Losses of a user's function through the model: a classifier's margin and a score."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from seatbelt_vae.attacks import ClassifierMargin, ScoreLoss, attack
from seatbelt_vae.attacks.losses import loss_of
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.protocol import Capabilities
from tests.attacks.chain import (
    PIXELS,
    Chain,
    generators,
    noise_of,
    pictures,
    reconstructed,
    slopes,
    walked,
)
from tests.attacks.models import Linear, images

PATHS = ["mean", "common", "sampled"]
ROWS = [2, 0, 0, 1, 2]
WEIGHTS = {
    "reconstruction": np.random.default_rng(3).normal(size=(PIXELS, 4)),
    "codes": np.random.default_rng(4).normal(size=(5, 4)),
}


def classifier(reads):
    return lambda inputs: torch.tanh(inputs.flatten(1) @ torch.as_tensor(WEIGHTS[reads]))


def read(model, reads, image, draw=None):
    walk = walked(model, image, draw)
    return (
        np.concatenate([layer.z for layer in walk])
        if reads == "codes"
        else reconstructed(model, walk).ravel()
    )


def margin(model, loss, image, x, seed):
    draws, _ = noise_of(model, loss.path, loss.draws, seed)
    weights, values = WEIGHTS[loss.reads], []
    label = np.argmax(read(model, loss.reads, x) @ weights)
    for draw in draws:
        logits = np.tanh(read(model, loss.reads, image, draw) @ weights)
        values.append(logits[label] - max(np.delete(logits, label)))
    return np.mean(values)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("reads", WEIGHTS)
def test_margins_of_a_classifier(reads, path):
    model, x, point = Chain(3, 2), pictures(1), pictures(1, 3).requires_grad_()
    loss = ClassifierMargin(classifier(reads), reads, path=path, draws=3)
    bound = loss.bind(model, x, torch.full_like(x, torch.nan), generators(1))
    parts = bound.parts(point, torch.tensor([0]))
    image, clean = point[0].detach().numpy(), x[0].numpy()
    assert_allclose(parts.detach(), [[margin(model, loss, image, clean, 0)]], rtol=1e-9)
    (gradient,) = torch.autograd.grad(parts.sum(), point)
    expected = slopes(lambda values: margin(model, loss, values, clean, 0), image)
    assert_allclose(gradient[0], expected, rtol=1e-5, atol=1e-6)
    assert (bound.floor, loss.targeted) == (None, False)


@pytest.mark.parametrize("path", ["mean", "common"])
@pytest.mark.parametrize("reads", WEIGHTS)
def test_each_row_keeps_the_label_of_its_pair(reads, path):
    model, x, points = Chain(3, 2), pictures(3), pictures(5, 3)
    loss = ClassifierMargin(classifier(reads), reads, path=path, draws=3)
    parts = loss.bind(model, x, x, generators(3)).parts(points, torch.tensor(ROWS))
    expected = [
        [margin(model, loss, point.numpy(), x[row].numpy(), row)]
        for point, row in zip(points, ROWS, strict=True)
    ]
    assert_allclose(parts, expected, rtol=1e-9)


@pytest.mark.parametrize("reads", WEIGHTS)
@pytest.mark.parametrize("threat", ["l2", "linf"])
def test_the_margin_of_two_linear_classes_is_lowered_as_far_as_possible(threat, reads):
    model, x = Linear(), images()[0][None]
    random = np.random.default_rng(5)
    weights = torch.as_tensor(random.normal(size=(16 if reads == "reconstruction" else 3, 2)))
    loss = ClassifierMargin(lambda inputs: inputs.flatten(1) @ weights, reads)
    level = 0.3 if threat == "l2" else 0.05
    config = AttackConfig(loss="own.py:loss", threat=threat, restarts=1, recheck=0)
    result = attack(model, x, config=config, loss=loss, levels=torch.tensor([level]))
    through = (model.w @ model.a if reads == "reconstruction" else model.a).numpy()
    direction = (weights[:, 0] - weights[:, 1]).numpy() @ through
    clean = abs(direction @ x.flatten().numpy())
    norm = np.linalg.norm(direction, 2 if threat == "l2" else 1)
    assert_allclose(result.delta, clean - level * norm, rtol=1e-3)


def error(model, x):
    return (model.decode(model.encode(x).z).mean - x).square().flatten(1).sum(1)


def error_by_hand(model, image):
    return np.sum((reconstructed(model, walked(model, image)) - image) ** 2)


def test_a_score_is_led_from_its_side_of_the_threshold_to_the_other():
    model, x, points = Chain(3, 2), pictures(3), pictures(5, 3).requires_grad_()
    clean = [error_by_hand(model, image) for image in x.numpy()]
    threshold = float(np.median(clean)) + 1e-6
    assert min(clean) < threshold < max(clean)
    bound = ScoreLoss(error, threshold).bind(model, x, torch.full_like(x, torch.nan), generators(3))
    parts = bound.parts(points, torch.tensor(ROWS))

    def value(image, row):
        return (1 if clean[row] > threshold else -1) * (error_by_hand(model, image) - threshold)

    inputs = points.detach().numpy()
    expected = [[value(image, row)] for image, row in zip(inputs, ROWS, strict=True)]
    assert_allclose(parts.detach(), expected, rtol=1e-9)
    (gradient,) = torch.autograd.grad(parts.sum(), points)
    assert_allclose(gradient[3], slopes(lambda i: value(i, ROWS[3]), inputs[3]), rtol=1e-5)
    assert bound.floor is None


@pytest.mark.parametrize("threshold", [-1e3, 1e3])
@pytest.mark.parametrize("threat", ["l2", "linf"])
def test_a_linear_score_moves_by_the_dual_norm_of_its_gradient(threat, threshold):
    model, x = Linear(), images()[0][None]
    u = torch.as_tensor(np.random.default_rng(5).normal(size=16))

    def score(model, x):
        return model.decode(model.encode(x).z).mean.flatten(1) @ u

    level = 0.3 if threat == "l2" else 0.05
    config = AttackConfig(loss="own.py:loss", threat=threat, restarts=1, recheck=0)
    loss = ScoreLoss(score, threshold)
    result = attack(model, x, config=config, loss=loss, levels=torch.tensor([level]))
    direction = u.numpy() @ (model.w @ model.a).numpy()
    norm = np.linalg.norm(direction, 2 if threat == "l2" else 1)
    clean = direction @ x.flatten().numpy()
    assert_allclose(result.delta, abs(clean - threshold) - level * norm, rtol=1e-5)


def test_wrong_shapes_and_models_without_codes_are_refused():
    model, x = Chain(3, 2), pictures(2)
    for logits in (lambda u: u.sum((1, 2, 3)), lambda u: u.flatten(1)[:, :1]):
        with pytest.raises(
            ShapeError, match=r"^the classifier returned shape \(2,.*expected \(2, c"
        ):
            ClassifierMargin(logits).bind(model, x, x, generators(2))
    with pytest.raises(ShapeError, match=r"^the score function returned shape \(\) for 2 inputs"):
        ScoreLoss(lambda _, x: x.sum(), 0).bind(model, x, x, generators(2))
    model.capabilities = Capabilities(codes=False)
    with pytest.raises(ConfigError, match=r"^a classifier of codes for a model without codes: use"):
        ClassifierMargin(classifier("codes"), "codes").bind(model, x, x, generators(2))


def test_on_the_command_line_they_are_named_by_a_reference(tmp_path):
    file = tmp_path / "my_loss.py"
    file.write_text(
        "from seatbelt_vae.attacks import ScoreLoss\n"
        "loss = ScoreLoss(lambda _, x: x.flatten(1).sum(1), 3.0)\n"
    )
    loss = loss_of(AttackConfig(f"{file}:loss", threat="linf"), 1)
    assert (type(loss), loss.threshold) == (ScoreLoss, 3.0)
