"""What classifiers learn and what is attacked: a factor, training images, and pairs of classes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seatbelt_vae.config import EvaluationConfig
from seatbelt_vae.data import ImageData, Split
from seatbelt_vae.evaluation.downstream.class_pairs import choose_class_pairs, class_factor
from seatbelt_vae.randomness import DataStream

__all__ = ["ClassTask", "Indices", "Progress", "labels_of"]

Indices = NDArray[np.int64]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ClassTask:
    r"""The classification of images by one factor.

    Args:
        data: a set with classes.
        column: the column of the factor.
        pairs: positions of test images and of their targets of another class, :math:`(P, 2)`.
        training: the training images of classifiers, in the order in which they are read.
    """

    data: ImageData
    column: int
    pairs: Indices
    training: Indices

    @classmethod
    def of(cls, data: ImageData, settings: EvaluationConfig) -> "ClassTask":
        """The task of the settings.

        Raises:
            DataError, ConfigError: as `class_factor` and `choose_class_pairs`.
        """
        column = class_factor(data, settings.downstream_factor)
        pairs = choose_class_pairs(data, column, settings.downstream_images, settings.seed)
        order = DataStream.CLASSIFIER_IMAGES.generator(settings.seed).permutation(len(data.train))
        return cls(data, column, pairs, order[: settings.downstream_training or len(order)])

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.data.factors[self.column].size

    @property
    def training_labels(self) -> Tensor:
        """The class of each training image, :math:`(N)`."""
        return torch.from_numpy(labels_of(self.data.train, self.training, self.column))

    @property
    def summary(self) -> dict[str, Any]:
        """The keys of ``measures.json`` that describe the task."""
        return {
            "factor": self.data.factors[self.column].name,
            "classes": self.classes,
            "training_images": len(self.training),
        }

    def training_batches(self, size: int, on_progress: Progress) -> Iterator[Tensor]:
        """The training images, ``size`` at a time; their use is reported as progress."""
        for first in range(0, len(self.training), size):
            x = self.data.train.batch(self.training[first : first + size])
            yield x
            on_progress("downstream classifiers", first + len(x), len(self.training))


def labels_of(split: Split, positions: Indices, column: int) -> Indices:
    """The values of the factor in a column, :math:`(N)`."""
    labels: Indices = split.factors(positions)[:, column].astype(np.int64)
    return labels
