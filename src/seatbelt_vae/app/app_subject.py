"""A subject of the page: its model, its name for the browser, and pictures to choose from."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from io import BytesIO
from pathlib import PurePath

import numpy as np
import torch
from torch import Tensor

from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import Autoencoder, Bounds, bounds_of, event_shape_of
from seatbelt_vae.subjects import Subject

__all__ = ["FACES", "AppSubject", "app_subject", "shipped_faces"]

_SHOWN = 12
FACES = "Faces drawn from ICT-FaceKit (Li et al. 2020), MIT licence; not seen in training."


@dataclass(frozen=True)
class AppSubject:
    """A subject of the page.

    Args:
        subject: the subject.
        name: its name on the page, unique there.
        target: the argument that opens it, without the folder it lies in.
        examples: pictures as shares of black to white, :math:`(N, C, H, W)`; may be empty.
        credit: the origin of the examples.
        options: further words of the command that opens it, without folders.
        lock: held by the attack that runs on the model.
    """

    subject: Subject
    name: str
    target: str
    examples: Tensor
    credit: str = ""
    options: tuple[str, ...] = ()
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def model(self) -> Autoencoder:
        """The model, for inference."""
        return self.subject.for_inference

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(C, H, W)."""
        return event_shape_of(self.subject.model)

    @property
    def bounds(self) -> Bounds:
        """The values of black and white."""
        return bounds_of(self.subject.model)

    @property
    def depth(self) -> int:
        """The number of layers."""
        return len(self.subject.model.latent_sizes)

    def from_shares(self, share: Tensor) -> Tensor:
        """A picture as an input of the model, float32."""
        low, high = (torch.as_tensor(bound, dtype=torch.float32) for bound in self.bounds)
        return self.bounds.clamp(low + (high - low) * share.float())

    def to_shares(self, image: Tensor) -> Tensor:
        """An input :math:`(*, C, H, W)` as shares of black to white."""
        low, high = (torch.as_tensor(bound).cpu().double() for bound in self.bounds)
        return ((image.double() - low) / (high - low)).clamp(0, 1)


def app_subject(
    target: str,
    subject: Subject,
    data: ImageData | None,
    *,
    names: Sequence[str] = (),
    options: Sequence[str] = (),
) -> AppSubject:
    """A subject with examples of a data set, or the faces of the package for those that fit.

    Args:
        target: the argument that names the subject.
        subject: the subject.
        data: the data set; None for the faces.
        names: names that are taken.
        options: further words of the command that opens it.

    Raises:
        ConfigError: inputs that are not images with black and white.
    """
    shape, bounds = event_shape_of(subject.model), bounds_of(subject.model)
    if len(shape) != 3 or shape[0] not in (1, 3) or not bounds.finite:
        kind = f"{shape} without bounds" if len(shape) == 3 and not bounds.finite else f"{shape}"
        raise ConfigError(
            f"{subject.name} takes inputs of shape {kind}, expected bounded images of 1 or 3 "
            f"channels: use `seatbelt-vae attack`, which takes every input"
        )
    name, count = subject.name, 2
    while name in names:
        name, count = f"{subject.name} ({count})", count + 1
    words = tuple(map(_shown, options))
    faces = shipped_faces()
    if data is None:
        fits = shape == tuple(faces.shape[1:])
        examples, credit = (faces, FACES) if fits else (faces[:0], "")
        return AppSubject(subject, name, _shown(target), examples, credit, words)
    credit = " ".join(data.credits)
    found = AppSubject(subject, name, _shown(target), faces[:0], credit, words)
    held_out = subject.images(data).test
    places = np.unique(np.linspace(0, len(held_out) - 1, _SHOWN).round().astype(np.int64))
    return replace(found, examples=found.to_shares(held_out.batch(places)))


def shipped_faces() -> Tensor:
    """Held-out faces for the models of the zoo, as shares, (N, 1, 64, 64)."""
    from PIL import Image

    content = files("seatbelt_vae.app").joinpath("faces.png").read_bytes()
    with Image.open(BytesIO(content)) as sheet:
        pixels = np.asarray(sheet.convert("L"))
    side = pixels.shape[0]
    tiles = pixels.reshape(side, -1, side).transpose(1, 0, 2)[:, None]
    return torch.from_numpy(tiles / 255.0)


def _shown(target: str) -> str:
    """A word of a command without folders, which the browser must not see.

    Example:
        >>> _shown("/home/ada/vae.py:load"), _shown("folder:runs/faces"), _shown("zoo:faces-vae")
        ('vae.py:load', 'folder:faces', 'zoo:faces-vae')
    """
    kind, colon, place = target.partition(":")
    if colon and kind in ("folder", "array", "table"):
        return f"{kind}:{_shown(place)}"
    return PurePath(target).name if "/" in target or "\\" in target else target
