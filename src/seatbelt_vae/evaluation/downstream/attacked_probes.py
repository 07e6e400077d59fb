"""Accuracy of probes that are attacked themselves, through the model, within L2 budgets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from seatbelt_vae.attacks.diagnostics.adaptive import adaptive_attack
from seatbelt_vae.attacks.losses import ClassifierMargin
from seatbelt_vae.config import AttackConfig, EvaluationConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.evaluation.downstream.class_task import (
    ClassTask,
    Indices,
    Progress,
    labels_of,
)
from seatbelt_vae.evaluation.downstream.classifiers import (
    Classifier,
    convolutional,
    fit_linear,
    train_classifier,
)
from seatbelt_vae.evaluation.downstream.probes import probe_inputs
from seatbelt_vae.protocol import Autoencoder

__all__ = ["measure_probes"]

Row = dict[str, Any]
Reads = Literal["codes", "reconstruction"]

_BEFORE = "linear-codes-before"
_RESTARTS = 1


def measure_probes(
    model: Autoencoder,
    data: ImageData,
    settings: EvaluationConfig,
    *,
    before: Autoencoder | None = None,
    on_progress: Progress | None = None,
) -> tuple[list[Row], Row]:
    r"""Accuracy of a linear probe of the codes and of a convolutional one of the reconstructions.

    The probes learn from clean training images, on the mean path. Then each is attacked through
    encoder and decoder: the attack lowers the margin :math:`f_y - \max_{j \neq y} f_j` of the
    label y with :math:`\|x^* - x\|_2 \leq \varepsilon \|x_t - x\|_2`, where :math:`x_t` is an image
    of another class. An image counts as accurate within ε if it is so without an attack and under
    those of all budgets up to ε. A defence at inference is attacked as by `adaptive_attack`.

    Args:
        model: the autoencoder, in evaluation mode.
        data: a set with classes.
        settings: factor, numbers of training and attacked images, budgets, effort, seed, batch.
        before: a model with codes of the same sizes, whose probe is also given the codes of
            ``model``: that before its encoder was hardened.
        on_progress: called with the stage, the work done, and the work in all.

    Returns:
        One row per probe, attacked image and ε, of which ε = 0 is without an attack; and the
        summary for ``measures.json``.

    Raises:
        DataError: no known factors, or no two test images of different classes.
        ConfigError: no such factor, or several factors and no choice of one.
    """
    task = ClassTask.of(data, settings)
    report = on_progress or (lambda *_: None)
    probes = _trained(model, before, task, settings, report)
    rows: list[Row] = []
    for done, probe in enumerate(probes, start=1):
        rows += _attacked(model, probe, data, task.pairs, task.column, settings)
        report("attacked probes", done, len(probes))
    summary = {
        **task.summary,
        "images": len(task.pairs),
        "accuracy": {probe.name: _accuracies(rows, probe.name) for probe in probes},
    }
    return rows, summary


@dataclass(frozen=True)
class _Probe:
    name: str
    classifier: Classifier
    reads: Reads

    @property
    def loss(self) -> ClassifierMargin:
        """The margin of the predicted class, through the model."""
        return ClassifierMargin(self.classifier.logits, reads=self.reads)

    @torch.no_grad()
    def predict(self, model: Autoencoder, x: Tensor, batch: int) -> Tensor:
        """The class of each image, :math:`(B)`."""
        return torch.cat([self.loss.logits(model, part).argmax(1) for part in x.split(batch)])


def _trained(
    model: Autoencoder,
    before: Autoencoder | None,
    task: ClassTask,
    settings: EvaluationConfig,
    on_progress: Progress,
) -> list[_Probe]:
    seen, old = [], []
    for x in task.training_batches(settings.batch_size, on_progress):
        seen.append(probe_inputs(model, x))
        if before is not None:
            old.append(probe_inputs(before, x)["latents"])
    codes, images = (torch.cat([v[name] for v in seen]) for name in ("latents", "reconstruction"))
    learned = task.training_labels, task.classes
    of_images = train_classifier(convolutional, images, *learned, seed=settings.seed)
    probes = [
        _Probe("linear-codes", fit_linear(codes, *learned), "codes"),
        _Probe("conv-reconstruction", of_images, "reconstruction"),
    ]
    if old:
        probes.append(_Probe(_BEFORE, fit_linear(torch.cat(old), *learned), "codes"))
    return probes


def _attacked(
    model: Autoencoder,
    probe: _Probe,
    data: ImageData,
    pairs: Indices,
    column: int,
    settings: EvaluationConfig,
) -> list[Row]:
    """The rows of one probe; a budget attacks the images that smaller ones leave accurate."""
    x, target = (data.test.batch(side) for side in pairs.T)
    labels = torch.from_numpy(labels_of(data.test, pairs[:, 0], column))
    clean = probe.predict(model, x, settings.batch_size)
    now, distances = clean.clone(), torch.zeros(len(x))
    rows = list(_rows(probe.name, 0.0, pairs, labels, clean, now, distances))
    for epsilon in sorted(settings.downstream_budgets):
        (left,) = (now == labels).nonzero(as_tuple=True)
        for chosen in left.split(settings.batch_size) if len(left) else ():
            config = AttackConfig(
                threat="l2",
                budgets=(epsilon,),
                restarts=_RESTARTS,
                max_evaluations=settings.downstream_evaluations,
                seed=settings.seed,
            )
            sides, numbers = (x[chosen], target[chosen]), chosen.tolist()
            found = adaptive_attack(model, *sides, config, loss=probe.loss, pair_numbers=numbers)
            attacked = found.adversarial[:, 0]
            now[chosen] = probe.predict(model, attacked, settings.batch_size)
            moved, whole = ((a - sides[0]).flatten(1).norm(dim=1) for a in (attacked, sides[1]))
            distances[chosen] = moved / whole
        rows += _rows(probe.name, epsilon, pairs, labels, clean, now, distances)
    return rows


def _rows(
    name: str, epsilon: float, pairs: Indices, labels: Tensor, *of_images: Tensor
) -> Iterator[Row]:
    values = (side.tolist() for side in (*pairs.T, labels, *of_images))
    for image, target, label, clean, attacked, distance in zip(*values, strict=True):
        yield {
            "probe": name,
            "epsilon": epsilon,
            "image": image,
            "target_image": target,
            "label": label,
            "clean_prediction": clean,
            "attacked_prediction": attacked,
            "distance_relative": distance,
        }


def _accuracies(rows: list[Row], name: str) -> dict[str, float]:
    """The accuracy by ε."""
    right: dict[float, list[bool]] = {}
    for row in rows:
        if row["probe"] == name:
            right.setdefault(row["epsilon"], []).append(row["attacked_prediction"] == row["label"])
    return {f"{epsilon:g}": float(np.mean(found)) for epsilon, found in right.items()}
