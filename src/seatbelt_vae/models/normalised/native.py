"""Batch normalisation and rectifier in four passes of C++, if the package was built with one."""

import ctypes
from functools import cache
from typing import Any

import torch
from torch import Tensor

from seatbelt_vae.parallel.process_group import ProcessGroup
from seatbelt_vae.passes import Pass, compiled_passes

__all__ = ["Rows", "channels_of", "gradient_means", "native_code"]

_PARTS = 64
_SUM_VALUES, _NORMALISE, _SUM_GRADIENTS, _DIFFERENTIATE = range(4)


class _Layer(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "channels")),
        *(
            (name, ctypes.c_void_p)
            for name in (
                *("x", "gradient", "out", "origin", "scale", "shift", "mean"),
                *("inverse_deviation", "mean_gradient", "mean_gradient_times_x"),
                *("first", "second"),
            )
        ),
        ("slope", ctypes.c_float),
    )


@cache
def native_code() -> Pass | None:
    """The compiled passes; None where the package was installed without a compiler."""
    return compiled_passes("seatbelt_vae.models.normalised", _Layer)


def channels_of(
    mean: Tensor, variance: Tensor, weight: Tensor, bias: Tensor, eps: float
) -> dict[str, Tensor]:
    """What the passes need of each channel: scale, shift, mean, inverse_deviation, float32."""
    inverse = torch.rsqrt(variance + eps)
    scale = weight * inverse
    shift = bias - mean * scale
    channels = {"scale": scale, "shift": shift, "mean": mean, "inverse_deviation": inverse}
    return {name: value.float() for name, value in channels.items()}


def gradient_means(
    sums: Tensor, products: Tensor, count: int, workers: ProcessGroup
) -> dict[str, Tensor]:
    """Of each channel, over all workers, from one's sums over ``count``; float32."""
    return {
        "mean_gradient": workers.mean(sums / count).float(),
        "mean_gradient_times_x": workers.mean(products / count).float(),
    }


class Rows:
    """The passes over one layer's values.

    Args:
        x: values, float32 or bfloat16 on the CPU, channels side by side in memory: :math:`(B, C)`,
            or :math:`(B, C, H, W)` in the channels-last format.
        slope: of the rectifier below 0.
    """

    def __init__(self, x: Tensor, slope: float) -> None:
        self.x, self.slope = x, slope
        self.channels = x.shape[1]
        self.count = x.numel() // self.channels

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and variance of each channel, :math:`(C)`, float64."""
        # sums of what is far from 0 lose digits: they are taken about the first row
        origin = self.x[0].flatten(1)[:, 0] if self.x.ndim > 2 else self.x[0]
        origin = origin.float().contiguous()
        sums, squares = self._sums(_SUM_VALUES, origin=origin)
        mean = sums / self.count
        return mean + origin, (squares / self.count - mean.square()).clamp_min(0)

    def shared_moments(self, workers: ProcessGroup) -> tuple[Tensor, Tensor]:
        """Those of the whole batch, where several workers share it."""
        own_mean, own_variance = self.moments()
        mean = workers.mean(own_mean)
        return mean, workers.mean(own_variance + (own_mean - mean).square())

    def normalised(self, scale: Tensor, shift: Tensor) -> Tensor:
        """The rectified :math:`x \\cdot` scale + shift."""
        out = torch.empty_like(self.x)
        self._run(_NORMALISE, out=out, scale=scale, shift=shift)
        return out

    def gradient_sums(self, gradient: Tensor, **channels: Tensor) -> tuple[Tensor, Tensor]:
        """Sums of the gradient behind the rectifier, and of it times the normalised x, float64.

        Args:
            gradient: of what `normalised` gave, in the layout of x.
            channels: scale, shift, mean, inverse_deviation, :math:`(C)`, float32.
        """
        return self._sums(_SUM_GRADIENTS, gradient=gradient, **channels)

    def differentiated(self, gradient: Tensor, **channels: Tensor) -> Tensor:
        """The gradient of x.

        Args:
            gradient: as for `gradient_sums`.
            channels: the same, and mean_gradient, mean_gradient_times_x.
        """
        out = torch.empty_like(self.x)
        self._run(_DIFFERENTIATE, out=out, gradient=gradient, **channels)
        return out

    def _sums(self, which: int, **tensors: Tensor) -> tuple[Tensor, Tensor]:
        first, second = torch.empty(2, _PARTS, self.channels, dtype=torch.float64)
        self._run(which, first=first, second=second, **tensors)
        return first.sum(0), second.sum(0)

    def _run(self, which: int, **tensors: Tensor) -> None:
        pass_over = native_code()
        assert pass_over is not None
        pointers: dict[str, Any] = {name: tensor.data_ptr() for name, tensor in tensors.items()}
        layer = _Layer(self.count, self.channels, self.x.data_ptr(), slope=self.slope, **pointers)
        pass_over(layer, which, self.x.dtype)
