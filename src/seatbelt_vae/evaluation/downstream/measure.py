"""Accuracy downstream, clean and under attacks towards an image of another class."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from seatbelt_vae.attacks.diagnostics.adaptive import adaptive_attack
from seatbelt_vae.attacks.result import CONTROL
from seatbelt_vae.config import AttackConfig, EvaluationConfig
from seatbelt_vae.data import ImageData, Split
from seatbelt_vae.defences import Wrapper
from seatbelt_vae.evaluation.bootstrap import estimate
from seatbelt_vae.evaluation.downstream.class_task import (
    ClassTask,
    Indices,
    Progress,
    labels_of,
)
from seatbelt_vae.evaluation.downstream.probes import PROBES, Probes
from seatbelt_vae.protocol import Autoencoder

__all__ = ["measure_downstream"]

Row = dict[str, Any]

_WEIGHT = 1.0
_AT_ONCE = 20
_ATTACK_COLUMNS = ("distance_relative", "divergence_ratio", "exceeds_bound", "status")


def measure_downstream(
    model: Autoencoder,
    data: ImageData,
    positions: Indices,
    settings: EvaluationConfig,
    on_progress: Progress | None = None,
) -> tuple[list[Row], Row]:
    r"""Accuracy of three classifiers on clean images and on images attacked towards another class.

    The attack lowers :math:`\sum_i KL(q(z^i|x^*)\,\|\,q(z^i|x_t)) + \lambda\|x^*-x\|_2`, over all
    layers on the mean path, with :math:`\lambda = 1`. This weight is small: the distance
    :math:`\|x_t-x\|` is some dozens, the divergence of two images hundreds of nats. A strong attack
    may end close to the target: compare accuracies at similar ``distance_relative``. A defence at
    inference is attacked as by `adaptive_attack`. Source: Willetts et al. (2021), table 1.

    Args:
        model: the autoencoder, in evaluation mode.
        data: a set with classes.
        positions: test images on which the clean accuracy is measured.
        settings: factor, numbers of training and attacked images, strengths, effort, seed, batch.
        on_progress: called with the stage, the work done, and the work in all.

    Returns:
        One row per image and classifier with strength ``clean``, then one per strength, attacked
        image and classifier; and the summary for ``measures.json``.

    Raises:
        DataError: no known factors, or no two test images of different classes.
        ConfigError: no such factor, or several factors and no choice of one.
    """
    known = ClassTask.of(data, settings)
    report = on_progress or (lambda *_: None)
    probes = _trained(model, known, settings, report)
    task = _Task(probes, data.test, known.column, settings, report)
    rows = task.clean(positions)
    summary = {
        **known.summary,
        "clean": {"images": len(positions), **_accuracies(rows)},
    }
    for strength in dict.fromkeys(settings.downstream_strengths):
        attacked = task.attacked(known.pairs, strength)
        summary[strength] = _summary(attacked, settings.seed) | _by_transfer(model, attacked)
        rows += attacked
    return rows, summary


def _trained(
    model: Autoencoder, task: ClassTask, settings: EvaluationConfig, on_progress: Progress
) -> Probes:
    """Probes that learned a factor from training images."""
    return Probes.train(
        model,
        task.training_batches(settings.batch_size, on_progress),
        task.training_labels,
        task.classes,
        seed=settings.seed,
        batch=settings.batch_size,
    )


@dataclass(frozen=True)
class _Task:
    probes: Probes
    test: Split
    column: int
    settings: EvaluationConfig
    on_progress: Progress

    def clean(self, positions: Indices) -> list[Row]:
        """Rows of clean images."""
        predicted = self.probes.predict(self.test.batch(positions))
        labels = labels_of(self.test, positions, self.column).tolist()
        return [
            {
                "image": image,
                "label": label,
                "strength": "clean",
                "classifier": name,
                "clean_prediction": prediction,
            }
            for name, predictions in predicted.items()
            for image, label, prediction in zip(
                positions.tolist(), labels, predictions, strict=True
            )
        ]

    def attacked(self, pairs: Indices, strength: Any) -> list[Row]:
        """Rows of images attacked with one strength, a few pairs at a time."""
        config = AttackConfig(
            strength=strength,
            max_evaluations=self.settings.downstream_evaluations,
            seed=self.settings.seed,
        )
        rows = []
        for first in range(0, len(pairs), _AT_ONCE):
            chunk = pairs[first : first + _AT_ONCE]
            rows += self._attacked(chunk, range(first, first + len(chunk)), config)
            self.on_progress(f"downstream, {strength} attack", first + len(chunk), len(pairs))
        return rows

    def _attacked(self, pairs: Indices, numbers: range, config: AttackConfig) -> list[Row]:
        x, target = (self.test.batch(side) for side in pairs.T)
        weight = torch.tensor([_WEIGHT])
        model = self.probes.model
        found = adaptive_attack(model, x, target, config, levels=weight, pair_numbers=numbers)
        clean, attacked = (self.probes.predict(i) for i in (x, found.adversarial[:, 0]))
        labels = [labels_of(self.test, side, self.column).tolist() for side in pairs.T]
        rows = []
        for place, (image, target_image) in enumerate(pairs.tolist()):
            (about,) = found.rows(place)
            pair = {
                "image": image,
                "target_image": target_image,
                "label": labels[0][place],
                "target_label": labels[1][place],
                "strength": config.strength,
                **{name: about[name] for name in _ATTACK_COLUMNS},
            }
            rows += [
                {
                    **pair,
                    "classifier": name,
                    "clean_prediction": clean[name][place],
                    "attacked_prediction": attacked[name][place],
                }
                for name in PROBES
            ]
        return rows


def _accuracies(rows: Sequence[Row]) -> dict[str, float]:
    return {
        name: float(np.mean([row["clean_prediction"] == row["label"] for row in selected]))
        for name, selected in _by_classifier(rows).items()
    }


def _summary(rows: Sequence[Row], seed: int) -> Row:
    """Means of the attacks of one strength, and the accuracies of each classifier."""
    by_classifier = _by_classifier(rows)
    attacks = next(iter(by_classifier.values()))
    return {
        "images": len(attacks),
        "distance_relative": _mean(row["distance_relative"] for row in attacks),
        "divergence_ratio": _mean(row["divergence_ratio"] for row in attacks),
        "exceeds_bound": sum(row["exceeds_bound"] for row in attacks),
        **{name: _drop(rows, seed) for name, rows in by_classifier.items()},
    }


def _by_transfer(model: Autoencoder, rows: Sequence[Row]) -> Row:
    """Attacks on a defended model that knowledge of the undefended model has improved."""
    if not isinstance(model, Wrapper):
        return {}
    attacks = next(iter(_by_classifier(rows).values()))
    return {"by_transfer": sum(row["status"] == CONTROL for row in attacks)}


def _drop(rows: Sequence[Row], seed: int) -> Row:
    """A classifier's accuracies on the same images, with the interval of their difference."""
    clean = [float(row["clean_prediction"] == row["label"]) for row in rows]
    attacked = [float(row["attacked_prediction"] == row["label"]) for row in rows]
    drop = estimate(np.subtract(clean, attacked).tolist(), seed=seed)
    return {
        "clean": _mean(clean),
        "attacked": _mean(attacked),
        "drop": drop.value,
        "drop_low": drop.low,
        "drop_high": drop.high,
        "taken_for_target": _mean(
            float(row["attacked_prediction"] == row["target_label"]) for row in rows
        ),
    }


def _by_classifier(rows: Sequence[Row]) -> dict[str, list[Row]]:
    return {name: [row for row in rows if row["classifier"] == name] for name in PROBES}


def _mean(values: Iterable[float | None]) -> float | None:
    """The mean of the values that are not None."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
