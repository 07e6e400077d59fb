"""The subject of a foreign model: checked against the protocol, and on images of its user."""

import logging
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from seatbelt_vae.config import AdapterConfig
from seatbelt_vae.config.adapter import Bound
from seatbelt_vae.data import ImageData
from seatbelt_vae.data.dataset import joined
from seatbelt_vae.protocol import Autoencoder, bounds_of, event_shape_of
from seatbelt_vae.subjects.adapters.foreign import ForeignAutoencoder
from seatbelt_vae.subjects.adapters.override import overridden
from seatbelt_vae.subjects.adapters.reconstruct_only import Reconstruction
from seatbelt_vae.subjects.reading_checks import check_reading, checked_images
from seatbelt_vae.subjects.subject import Subject
from seatbelt_vae.testing import check_autoencoder

__all__ = ["examined", "usual_bounds"]

_IMAGES = 64
_PROBED = 3

_logger = logging.getLogger(__name__)


def examined(
    subject: Subject, data: ImageData | None, settings: AdapterConfig | None = None
) -> Subject:
    """The subject under the given settings, with the findings of `check_reading` on its images.

    Raised findings are logged: the subject may not be read as was meant.

    Args:
        subject: the subject of a foreign model.
        data: the data of the evaluation; without it no images are checked.
        settings: how the model is read (default: as it was found).

    Raises:
        ModelError: the model violates the protocol.
        ConfigError: settings that do not fit the model, or data of another shape than its inputs.
    """
    settings = settings or AdapterConfig()
    subject = replace(subject, model=overridden(subject.model, settings), settings=settings)
    subject = replace(subject, model=_in_deviations(subject.model, data))
    check_autoencoder(subject.model, batch=_PROBED, inputs=_typical(subject.model, data))
    images = None if data is None else checked_images(_all_in_one(subject.images(data)))
    if images is not None:
        subject = replace(subject, findings=check_reading(subject, images))
    for doubt in subject.doubts:
        _logger.warning("%s: %s", subject.name, doubt)
    return subject


def _all_in_one(data: ImageData) -> ImageData:
    """All examples as held-out ones: the training examples of a foreign model are unknown."""
    return replace(data, test=joined(data.train, data.test))


def usual_bounds(data: ImageData) -> Bound:
    """The bounds of inputs that a module does not state: [0, 1] of images, none of vectors."""
    return (0.0, 1.0) if np.isfinite(data.bounds).all() else None


def _in_deviations(model: Autoencoder, data: ImageData | None) -> Autoencoder:
    """An adapter without bounds, with the standard deviations of the training vectors."""
    if data is None or not isinstance(model, ForeignAutoencoder | Reconstruction):
        return model
    if model.bounds is not None or np.isfinite(data.bounds).all():
        return model
    rows = data.train.batch(np.arange(len(data.train))).double()
    return replace(model, scale=rows.std(0, correction=0).float())


def _typical(model: Autoencoder, data: ImageData | None) -> Tensor | None:
    """Training vectors near the mean, with which a model without bounds is checked."""
    if data is None or np.isfinite(data.bounds).all() or len(data.train) < 2 * _PROBED:
        return None
    if tuple(data.image_shape) != event_shape_of(model) or bounds_of(model).finite:
        return None
    rows = data.train.batch(np.arange(min(len(data.train), _IMAGES)))
    spread = rows.std(0).clamp_min(torch.finfo(rows.dtype).tiny)
    return rows[((rows - rows.mean(0)) / spread).abs().amax(1).argsort()[: 2 * _PROBED]]
