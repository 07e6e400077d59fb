"""The images of an audit: which ones are attacked, and which ones are references."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seatbelt_vae.attacks.suites import choose_pairs
from seatbelt_vae.auditing.linear_model import LinearModel, fit_linear_model
from seatbelt_vae.config.audit import AuditConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.data.dataset import joined
from seatbelt_vae.errors import DataError
from seatbelt_vae.protocol import Bounds
from seatbelt_vae.subjects import Subject

__all__ = ["AuditedImages", "audited_images"]

_PAIRS = 20
_FEWEST_REFERENCES = 8  # with fewer images that are in no pair, all images are references
_REFERENCES, _VALUES = 1000, 2**24  # most reference images, and most of their values
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class AuditedImages:
    """The images of an audit, in the bounds of the model.

    Args:
        data: the data set; its test split is attacked.
        pairs: positions (input, target) in the test split.
        references: images for reference models and universal distortions: of a run's training
            split, else images that are in no pair, if there are enough of them.
        linear: linear models that were fitted before, by number of units.
    """

    data: ImageData
    pairs: tuple[tuple[int, int], ...]
    references: Tensor
    linear: dict[int, LinearModel] = field(default_factory=dict, repr=False)

    def sides(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        r"""Inputs and targets of some pairs, each :math:`(P, \text{event})`."""
        positions = np.array([self.pairs[number] for number in numbers])
        return self.data.test.batch(positions[:, 0]), self.data.test.batch(positions[:, 1])

    def linear_model(self, units: int, bounds: Bounds) -> LinearModel:
        """The linear reference model of a number of units, fitted once per process."""
        if units not in self.linear:
            self.linear[units] = fit_linear_model(self.references, units, bounds)
        return self.linear[units]

    def label_of(self, position: int) -> int | None:
        """The number of the class of a test image; None if the data set has no classes."""
        names = [factor.name for factor in self.data.factors]
        if "class" not in names:
            return None
        return int(self.data.test.factors(np.array([position]))[0, names.index("class")])

    def class_of(self, position: int) -> str | None:
        """The class of a test image by name; None if the data set has no classes."""
        label = self.label_of(position)
        if label is None:
            return None
        values = next(f.values for f in self.data.factors if f.name == "class")
        return values[label] if values else str(label)


def audited_images(subject: Subject, data: ImageData, config: AuditConfig) -> AuditedImages:
    """Choose the images of an audit.

    A run or a hardened model is audited on its held-out images, as is a model of the zoo on the
    data set it was trained on. The training images of other models are unknown, so these are
    audited on all images.

    Raises:
        DataError: fewer than two different images, or than the settings ask for.
        ConfigError, ForeignStateError: as for `Subject.images`.
    """
    data = subject.images(data)
    train, held_out = data.train, subject.holds_out(data)
    if not held_out:
        data = replace(data, test=joined(data.train, data.test))
    if len(data.test) < 2:
        raise DataError(
            f"{data.name!r} has {len(data.test)} image to audit on: give two different ones"
        )
    count = config.pairs or min(_PAIRS, len(data.test) // 2)
    pairs = tuple(choose_pairs(data, count, config.seed))
    source, free = data.test, np.setdiff1d(np.arange(len(data.test)), np.array(pairs).flatten())
    if held_out:
        source, free = train, np.arange(len(train))
    elif len(free) < _FEWEST_REFERENCES:
        free = np.arange(len(data.test))
    allowed = _VALUES // torch.Size(data.image_shape).numel()
    most = max(_FEWEST_REFERENCES, min(_REFERENCES, allowed))
    return AuditedImages(data, pairs, source.batch(free[:most]))
