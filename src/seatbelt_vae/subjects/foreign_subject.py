"""The subject of a foreign model: checked against the protocol, and on images of its user."""

import logging
from dataclasses import replace

import numpy as np

from seatbelt_vae.data import ImageData
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.subjects.adapters.alternatives import better_reading
from seatbelt_vae.subjects.adapters.foreign import ForeignAutoencoder
from seatbelt_vae.subjects.subject import Subject, subject_of_model
from seatbelt_vae.testing import check_autoencoder, check_on_images

__all__ = ["foreign_subject"]

_IMAGES = 64
_ENOUGH = 8

_logger = logging.getLogger(__name__)


def foreign_subject(
    model: Autoencoder, data: ImageData | None, name: str, *, source: str, kind: str
) -> Subject:
    """The subject of a foreign model; doubts whether it is read as it was meant are logged.

    Args:
        model: the autoencoder.
        data: the data of the evaluation; without it no images are checked.
        name: its name in tables and reports.
        source: the target it was obtained from.
        kind: the kind of the target.

    Raises:
        ModelError: the model violates the protocol.
        ConfigError: the data have another shape than the model's inputs.
    """
    check_autoencoder(model)
    subject = subject_of_model(model, name, source=source, kind=kind)
    doubts = () if data is None else _doubts(subject, data)
    for doubt in doubts:
        _logger.warning("%s: %s", name, doubt)
    return replace(subject, doubts=doubts)


def _doubts(subject: Subject, data: ImageData) -> tuple[str, ...]:
    test = subject.images(data).test
    if len(test) < _ENOUGH:
        return ()
    images = test.batch(np.arange(min(len(test), _IMAGES)))
    raised = [found for found in check_on_images(subject.model, images) if found.raised]
    if not raised or not isinstance(subject.model, ForeignAutoencoder):
        return tuple(map(str, raised))
    better = better_reading(subject.model, images)
    hint = () if better is None else (f"wrap(module, event_shape, {better}) reconstructs better",)
    return (*map(str, raised), *hint)
