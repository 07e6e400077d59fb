"""Inputs and distortions of an audited model as PNG data URIs."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from seatbelt_vae.auditing.stored_bounds import stored_bounds
from seatbelt_vae.protocol import Bounds
from seatbelt_vae.report.drawing.images import pixels, png_uri, signed
from seatbelt_vae.runs.audit_document import Target

__all__ = ["AuditPictures", "shrinks"]

_SIDE = 128  # largest side of a picture: full photographs would take megabytes


class AuditPictures:
    """Draws inputs of a model and distortions of them.

    Args:
        target: the model.
    """

    def __init__(self, target: Target) -> None:
        self.drawable = len(target.event_shape) == 3
        self._bounds = stored_bounds(target)

    def ends(self, x: Tensor, target: Tensor) -> Bounds:
        """The bounds of the inputs; without finite bounds, the range of input and target."""
        return self._bounds if self._bounds.finite else Bounds.around(x, target)

    def image(self, image: Tensor, ends: Bounds) -> str:
        """An image (C, H, W) between two ends; other than one or three channels are averaged."""
        low, high = (torch.as_tensor(end).double() for end in ends)
        shown = _shrunk((image - low) / (high - low))
        shown = shown if len(shown) in (1, 3) else shown.mean(0, keepdim=True)
        return png_uri(pixels(shown, (0.0, 1.0)))

    def distortion(self, distortion: Tensor, scale: float) -> str:
        """A distortion (C, H, W), mean over channels, in full colour at ``scale``."""
        return png_uri(signed(self._even(distortion), scale))

    def scale(self, distortion: Tensor) -> float:
        """The largest absolute value of a distortion, of images that of the mean over channels."""
        return float((self._even(distortion).mean(0) if self.drawable else distortion).abs().max())

    def _even(self, distortion: Tensor) -> Tensor:
        """A small distortion whose channels have one range, the mean of their ranges.

        The mean over channels of distinct ranges would show the widest channel only.
        """
        if self._bounds.finite:
            low, high = (torch.as_tensor(bound) for bound in self._bounds)
            distortion = distortion * (self._bounds.span / (high - low))
        return _shrunk(distortion)


def shrinks(event_shape: Sequence[int]) -> bool:
    """Whether pictures of inputs (C, H, W) are smaller than the inputs."""
    return len(event_shape) == 3 and max(event_shape[1:]) > _SIDE


def _shrunk(image: Tensor) -> Tensor:
    """An image (C, H, W) with sides of at most 128 pixels, averaged over areas."""
    if not shrinks(image.shape):
        return image
    height, width = image.shape[1:]
    factor = -(-max(height, width) // _SIDE)
    found: Tensor = adaptive_avg_pool2d(image[None], (-(-height // factor), -(-width // factor)))
    return found[0]
