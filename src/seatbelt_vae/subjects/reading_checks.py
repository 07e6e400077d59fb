"""Checks whether a foreign model is read as it was meant, with the setting that reads it better."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.references import resolve_reference
from seatbelt_vae.subjects.adapters.alternatives import better_code, better_heads, better_reading
from seatbelt_vae.subjects.adapters.foreign import ForeignAutoencoder
from seatbelt_vae.subjects.adapters.return_values import heads_of, image_of
from seatbelt_vae.subjects.subject import Subject
from seatbelt_vae.testing import check_on_images
from seatbelt_vae.testing.plausibility import Finding

__all__ = ["FEWEST_CHECKED", "check_reading", "checked_images"]

FEWEST_CHECKED = 8
"""The fewest images on which a reading is checked."""

_MOST_CHECKED, _VALUES = 64, 2**20


def checked_images(data: ImageData) -> Tensor | None:
    """The first held-out images, up to 64 or 2²⁰ values; None if there are fewer than eight."""
    if len(data.test) < FEWEST_CHECKED:
        return None
    most = min(_MOST_CHECKED, _VALUES // torch.Size(data.image_shape).numel())
    return data.test.batch(np.arange(min(max(FEWEST_CHECKED, most), len(data.test))))


def check_reading(subject: Subject, images: Tensor) -> tuple[Finding, ...]:
    """The findings of `check_on_images`, and those of other readings of a foreign module.

    * ``other reading``: reconstruction error over that of the best other bounds and output;
    * ``order of heads``: reconstruction error over that of the second tensor of ``encode`` as mean.

    Args:
        subject: the subject; its own ``forward``, or that of its settings, is compared.
        images: at least 8 images in the bounds of the model.

    Raises:
        ConfigError: fewer than 8 images, or a ``forward`` of the settings that fails.
    """
    forward, model = _forward(subject), subject.model
    found = check_on_images(model, images, forward=forward)
    if not isinstance(model, ForeignAutoencoder):
        return found
    other = (*_other_readings(model, images),)
    return (*other, *(_with_remedy(model, each, other, images, forward) for each in found))


def _other_readings(model: ForeignAutoencoder, images: Tensor) -> Iterator[Finding]:
    """Better bounds, output or heads; nothing if the model is read in the best way."""
    if (order := better_heads(model, images)) is not None:
        yield Finding(
            "order of heads",
            order.ratio,
            order.limit,
            "mean and spread of encode seem to be in another order",
            order.remedy,
        )
    elif (reading := better_reading(model, images)) is not None:
        yield Finding(
            "other reading",
            reading.ratio,
            reading.limit,
            "the model reconstructs better with other bounds or another output",
            reading.remedy,
        )


def _with_remedy(
    model: ForeignAutoencoder,
    finding: Finding,
    other: tuple[Finding, ...],
    images: Tensor,
    forward: Callable[[Tensor], Tensor] | None,
) -> Finding:
    """A raised finding with the remedy that other readings suggest."""
    if not finding.raised:
        return finding
    remedy = finding.remedy
    match finding.name:
        case "unexplained" | "out of range" | "forward" | "forward noise" if other:
            remedy = other[0].remedy
        case "unexplained":
            remedy = (
                "check that the weights are loaded and that the images are like those of training; "
                "no other bounds, output or order of heads reconstructs better"
            )
        case "wide posterior" | "forward noise":
            remedy = _code_remedy(model, images, forward, remedy)
    return replace(finding, remedy=remedy)


def _code_remedy(
    model: ForeignAutoencoder,
    images: Tensor,
    forward: Callable[[Tensor], Tensor] | None,
    otherwise: str,
) -> str:
    """The flag of the meaning of the spread, found by the noise of ``forward`` or by its sign."""
    code = None if forward is None else better_code(model, images, forward)
    if code is not None:
        return f"give --code {code}, with which draws vary as the model's own forward does"
    with torch.no_grad():
        heads = heads_of(model.module.encode(model.module_input(images)))  # type: ignore[operator]
    if heads is None or heads.spread is None or bool((heads.spread <= 0).any()):
        return otherwise
    return "give --code std if the second tensor of encode is σ, --code variance if it is σ²"


def _forward(subject: Subject) -> Callable[[Tensor], Tensor] | None:
    """The owner's map from inputs to reconstructions: that of the settings, or of the module."""
    if (reference := subject.settings.forward) is not None:
        given = resolve_reference(reference)
        if not callable(given):
            raise ConfigError(f"forward {reference!r} is no function of inputs: name a function")
        return partial(_reconstructed, reference, given)
    return subject.model.forward if isinstance(subject.model, ForeignAutoencoder) else None


def _reconstructed(reference: str, function: Callable[[Tensor], Any], x: Tensor) -> Tensor:
    try:
        found = image_of(function(x))
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
        reason = (str(error).splitlines() or ["no message"])[0]
        raise ConfigError(
            f"forward {reference!r} fails on inputs {tuple(x.shape)}: {reason}"
        ) from None
    if found is None or found.numel() != x.numel():
        raise ConfigError(
            f"forward {reference!r} returned no reconstruction of inputs {tuple(x.shape)}: return "
            f"a tensor of that shape"
        )
    return found.detach().to(x).reshape(x.shape)
