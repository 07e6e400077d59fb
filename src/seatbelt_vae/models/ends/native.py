"""The layers next to the image in a few passes of C++, if the package was built with one."""

import ctypes
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor

from seatbelt_vae.models.normalised.native import native_code as normalised_code
from seatbelt_vae.passes import Pass, compiled_passes

__all__ = ["GROUP", "Ends", "is_native", "native_code"]

GROUP = 16
"""Features are computed so many at once."""

_PARTS = 64
_SUM_PATCHES, _FEATURES, _SUM_FEATURE_GRADIENTS = range(3)
_IMAGE, _SUM_IMAGE_GRADIENTS, _DIFFERENTIATE, _IMAGE_GRADIENT = range(3, 7)


class _Ends(ctypes.Structure):
    _fields_ = (
        *(
            (name, ctypes.c_int64)
            for name in ("images", "height", "width", "colours", "features", "scratch_size")
        ),
        *(
            (name, ctypes.c_void_p)
            for name in (
                *("image", "values", "result", "out", "weight", "scale", "shift", "mean"),
                *("inverse_deviation", "mean_gradient", "mean_gradient_times_x"),
                *("first", "second", "scratch"),
            )
        ),
        *((name, ctypes.c_float) for name in ("origin", "slope")),
    )


@cache
def native_code() -> Pass | None:
    """The compiled passes; None where the package was installed without a compiler."""
    return compiled_passes("seatbelt_vae.models.ends", _Ends)


def is_native(x: Tensor, dtype: torch.dtype) -> bool:
    """Whether the passes can be had for features of a type, made of x or x itself."""
    wanted = x.device.type == "cpu" and dtype in (torch.float32, torch.bfloat16)
    return wanted and native_code() is not None and normalised_code() is not None


class Ends:
    """The passes over a batch of images and the features next to them.

    A patch is the 4×4 pixels that a position sees, flat: (row, column, colour), T of them. Images
    are float32, features float32 or bfloat16, both on the CPU and in the channels-last format;
    sums are float64.

    Args:
        features: shape :math:`(B, F, h, w)`.
        colours: channels C of the images, :math:`(B, C, 2h, 2w)`.
        dtype: of the features.
        slope: of the rectifier below 0.
    """

    def __init__(
        self, features: tuple[int, ...], colours: int, dtype: torch.dtype, slope: float
    ) -> None:
        self.shape, self.colours, self.dtype, self.slope = features, colours, dtype, slope
        self.positions = features[0] * features[2] * features[3]
        self.taps = 16 * colours

    def patch_sums(self, image: Tensor, origin: float) -> tuple[Tensor, Tensor]:
        """Sums of the patches about an origin, (T), and of their products, (T, T)."""
        shapes = (self.taps,), (self.taps, self.taps)
        return self._sums(_SUM_PATCHES, *shapes, {"image": image}, origin)

    def features(self, image: Tensor, weight: Tensor, shift: Tensor) -> Tensor:
        """The rectified patch · weight + shift; weight is (T, F)."""
        out = self._features()
        self._run(_FEATURES, {"image": image, "weight": weight, "shift": shift, "out": out})
        return out

    def feature_gradient_sums(
        self, image: Tensor, gradient: Tensor, weight: Tensor, shift: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Sums of patch times the gradient behind the rectifier, (T, F), and of that, (F).

        Args:
            image, weight, shift: as for `features`.
            gradient: of what `features` gave.
        """
        features = self.shape[1]
        tensors = {"image": image, "values": gradient, "weight": weight, "shift": shift}
        return self._sums(_SUM_FEATURE_GRADIENTS, (self.taps, features), (features,), tensors)

    def image(self, x: Tensor, weight: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """The patches of the rectified x · scale + shift, laid on each other; weight is (F, T)."""
        out = self._image()
        tensors = {"image": out, "values": x, "weight": weight, "scale": scale, "shift": shift}
        self._run(_IMAGE, tensors)
        return out

    def image_gradient_sums(
        self, gradient: Tensor, x: Tensor, weight: Tensor, channels: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Sums of patch times the rectified x, (T, F); of the gradient behind the rectifier, and of
        it times the normalised x, (2, F).

        Args:
            gradient: of what `image` gave.
            x: as for `image`.
            weight: (T, F).
            channels: scale, shift, mean, inverse_deviation, :math:`(F)`, float32.
        """
        shapes = (self.taps, self.shape[1]), (2, self.shape[1])
        tensors = {"image": gradient, "values": x, "weight": weight, **channels}
        return self._sums(_SUM_IMAGE_GRADIENTS, *shapes, tensors)

    def differentiated(
        self, gradient: Tensor, x: Tensor, weight: Tensor, channels: Mapping[str, Tensor]
    ) -> Tensor:
        """The gradient of x.

        Args:
            gradient, x, weight: as for `image_gradient_sums`.
            channels: the same, and mean_gradient, mean_gradient_times_x.
        """
        out = self._features()
        tensors = {"image": gradient, "values": x, "weight": weight, "out": out, **channels}
        self._run(_DIFFERENTIATE, tensors)
        return out

    def image_gradient(self, gradient: Tensor, features: Tensor, weight: Tensor) -> Tensor:
        """The gradient of the image, of what `features` gave and its gradient; weight is (F, T)."""
        out = self._image()
        tensors = {"image": out, "values": gradient, "result": features, "weight": weight}
        self._run(_IMAGE_GRADIENT, tensors)
        return out

    def _image(self) -> Tensor:
        images, _, height, width = self.shape
        shape = (images, self.colours, 2 * height, 2 * width)
        return torch.empty(shape, memory_format=torch.channels_last)

    def _features(self) -> Tensor:
        return torch.empty(self.shape, dtype=self.dtype, memory_format=torch.channels_last)

    def _sums(
        self,
        which: int,
        one: tuple[int, ...],
        two: tuple[int, ...],
        tensors: Mapping[str, Tensor],
        origin: float = 0.0,
    ) -> tuple[Tensor, Tensor]:
        first, second = (torch.zeros(_PARTS, *shape, dtype=torch.float64) for shape in (one, two))
        self._run(which, {"first": first, "second": second, **tensors}, origin)
        return first.sum(0), second.sum(0)

    def _run(self, which: int, tensors: Mapping[str, Tensor], origin: float = 0.0) -> None:
        pass_over = native_code()
        assert pass_over is not None
        images, features, height, width = self.shape
        padded = (2 * height + 2) * (2 * width + 2) * self.colours
        scratch = torch.empty(torch.get_num_threads(), padded + width * (self.taps + 2 * features))
        pointers: dict[str, Any] = {name: tensor.data_ptr() for name, tensor in tensors.items()}
        ends = _Ends(
            *(images, height, width, self.colours, features, scratch.shape[1]),
            scratch=scratch.data_ptr(),
            origin=origin,
            slope=self.slope,
            **pointers,
        )
        pass_over(ends, which, self.dtype)
