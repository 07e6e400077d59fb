"""Probes attacked through models whose smallest successful distortion is known."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax
from tests.evaluation.downstream.quadrants import IMAGE, SIDE, constant, identity, linear, quadrants
from tests.evaluation.downstream.test_measure import Steps
from torch import Tensor

from seatbelt_vae.config import EvaluationConfig
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.evaluation.downstream import measure_probes
from seatbelt_vae.evaluation.downstream.attacked_probes import _trained
from seatbelt_vae.evaluation.downstream.class_task import ClassTask
from seatbelt_vae.evaluation.downstream.classifiers import fit_linear

DATA = quadrants()
SETTINGS = EvaluationConfig(
    downstream_images=12, downstream_budgets=(0.1, 0.3, 0.5), downstream_evaluations=200
)
Row = dict[str, Any]


def of(rows: list[Row], probe: str, epsilon: float) -> list[Row]:
    return [row for row in rows if (row["probe"], row["epsilon"]) == (probe, epsilon)]


def accurate(rows: list[Row], probe: str, epsilon: float) -> list[bool]:
    return [row["attacked_prediction"] == row["label"] for row in of(rows, probe, epsilon)]


def boundary_distances(rows: list[Row]) -> Tensor:
    """The distance of each image to the nearest class of the linear probe, over ‖x_t − x‖."""
    task = replace(ClassTask.of(DATA, SETTINGS), training=np.arange(len(DATA.train)))
    (probe, *_) = _trained(identity(0.1), None, task, SETTINGS, lambda *_: None)
    network, scale = probe.classifier.network, probe.classifier.scale
    weights: Tensor = network.weight.double() / scale.double()
    clean = of(rows, "linear-codes", 0.0)
    x, target = (
        DATA.test.batch(np.array([row[side] for row in clean])).double()
        for side in ("image", "target_image")
    )
    logits = probe.classifier.logits(x.float().flatten(1)).double()
    found = []
    for place, row in enumerate(clean):
        margins = logits[place, row["label"]] - logits[place]
        gains = (weights[row["label"]] - weights).norm(dim=1)
        others = torch.arange(len(margins)) != row["label"]
        found.append((margins / gains)[others].min() / (target[place] - x[place]).norm())
    return torch.stack(found)


def test_an_image_is_accurate_up_to_its_distance_to_the_next_class() -> None:
    # at the boundary f_y = f_j, and the nearest of its points is along w_y − w_j
    rows, _ = measure_probes(identity(0.1), DATA, SETTINGS)
    exact = boundary_distances(rows)
    ordered = exact.sort().values
    middles = ((ordered[1:] + ordered[:-1]) / 2)[[3, 8]].tolist()
    budgets = (0.9 * float(ordered[0]), *middles, 1.1 * float(ordered[-1]))
    settings = replace(SETTINGS, downstream_budgets=budgets)
    rows, summary = measure_probes(identity(0.1), DATA, settings)
    for budget, right in zip(budgets, (12, 8, 3, 0), strict=True):
        found = accurate(rows, "linear-codes", budget)
        assert found == (exact > budget).tolist()
        assert sum(found) == right
        assert summary["accuracy"]["linear-codes"][f"{budget:g}"] == np.mean(found)
        distances = [row["distance_relative"] for row in of(rows, "linear-codes", budget)]
        assert max(distances) <= budget * (1 + 1e-5)
    assert summary["accuracy"]["linear-codes"]["0"] == 1
    assert (summary["factor"], summary["classes"], summary["images"]) == ("class", 4, 12)


def test_each_probe_has_the_input_of_its_name() -> None:
    """A constant reconstruction hides every class, and no attack changes it."""
    eye = torch.eye(SIDE * SIDE)
    model = type(identity(0.1))(eye, torch.zeros_like(eye), 0.1, IMAGE)
    rows, summary = measure_probes(model, DATA, SETTINGS)
    assert summary["accuracy"]["linear-codes"]["0"] == 1
    assert summary["accuracy"]["linear-codes"]["0.5"] < 1
    assert len(set(summary["accuracy"]["conv-reconstruction"].values())) == 1
    assert len(rows) == 2 * 12 * 4
    _, nothing = measure_probes(constant(), DATA, SETTINGS)
    assert all(len(set(found.values())) == 1 for found in nothing["accuracy"].values())


def test_accuracies_never_rise_with_the_budget() -> None:
    random = torch.randn(6, SIDE * SIDE, generator=torch.Generator().manual_seed(0))
    rows, summary = measure_probes(linear(random / 6, 0.3), DATA, SETTINGS)
    for probe in summary["accuracy"]:
        levels = [accurate(rows, probe, epsilon) for epsilon in (0.0, 0.1, 0.3, 0.5)]
        for weaker, stronger in pairwise(levels):
            assert all(before or not after for before, after in zip(weaker, stronger, strict=True))
        wrong = [row for row in of(rows, probe, 0.5) if row["clean_prediction"] != row["label"]]
        assert all(row["attacked_prediction"] == row["clean_prediction"] for row in wrong)
        assert all(row["distance_relative"] == 0 for row in wrong)


def test_the_probe_of_the_codes_before_reads_the_codes_after() -> None:
    eye = torch.eye(SIDE * SIDE)
    moved = type(identity(0.1))(eye.roll(18, 0), eye.roll(18, 0).T, 0.1, IMAGE)  # halves exchanged
    rows, summary = measure_probes(moved, DATA, SETTINGS, before=identity(0.1))
    accuracy = summary["accuracy"]
    assert (accuracy["linear-codes"]["0"], accuracy["linear-codes-before"]["0"]) == (1, 0)
    # classes 0, 1 are the upper quadrants and 2, 3 the lower ones
    found = of(rows, "linear-codes-before", 0.0)
    assert all(row["clean_prediction"] == (row["label"] + 2) % 4 for row in found)
    same, _ = measure_probes(identity(0.1), DATA, SETTINGS, before=identity(0.1))
    for epsilon in (0.0, 0.1, 0.3, 0.5):
        assert accurate(same, "linear-codes", epsilon) == accurate(
            same, "linear-codes-before", epsilon
        )


def test_a_masked_gradient_does_not_protect_a_probe() -> None:
    plain, hidden = (
        measure_probes(model, DATA, SETTINGS)[1]["accuracy"]["linear-codes"]
        for model in (identity(0.1), Steps(identity(0.1)))
    )
    assert plain["0.1"] > plain["0.5"]
    assert hidden == plain


def test_the_linear_probe_minimises_its_cost() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = 3 + 2 * torch.randn(60, 3, generator=generator, dtype=torch.float64)
    labels = (inputs[:, 0] + torch.randn(60, generator=generator).double() > 3).long()
    labels[::7] = 2
    u = (inputs - inputs.mean(0)).numpy()
    u /= np.sqrt(np.mean(u**2))

    def cost(flat: np.ndarray) -> float:
        weights, bias = flat[:9].reshape(3, 3), flat[9:]
        right = log_softmax(u @ weights.T + bias, axis=1)[np.arange(60), labels]
        return -right.mean() + 0.5e-4 * (weights**2).sum()

    network = fit_linear(inputs, labels, 3).network
    found = np.concatenate([network.weight.numpy().ravel(), network.bias.numpy()])
    best = minimize(cost, np.zeros(12), method="BFGS", options={"gtol": 1e-8})
    assert cost(found) == pytest.approx(best.fun, abs=1e-9)
    assert found[:9] == pytest.approx(best.x[:9], abs=1e-3)


def test_budgets_are_shares() -> None:
    for budget in (0.0, 1.5):
        with pytest.raises(ConfigError, match=r"downstream_budgets is .* at most 1"):
            EvaluationConfig(downstream_budgets=(budget, 0.1))
