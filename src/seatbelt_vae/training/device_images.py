"""Training images stored on the device, so that no step waits for a transfer."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seatbelt_vae.data import ImageData
from seatbelt_vae.data.dataset import Indices

__all__ = ["DeviceImages"]

_BLOCK = 4096
_SHARE_OF_MEMORY = 0.5


@dataclass(frozen=True)
class DeviceImages:
    """The training split on the device.

    Args:
        values: :math:`(N, C, H, W)`, float32, or bytes that map 0 … 255 to the bounds.
        bounds: smallest and largest pixel value.
    """

    values: Tensor
    bounds: tuple[float, float]

    @classmethod
    def if_it_fits(cls, data: ImageData, device: torch.device) -> "DeviceImages | None":
        """The split on a GPU with enough free memory; None without one."""
        if device.type != "cuda":
            return None
        free, _ = torch.cuda.mem_get_info(device)
        return cls.within(data, device, int(_SHARE_OF_MEMORY * free))

    @classmethod
    def within(cls, data: ImageData, device: torch.device, memory: int) -> "DeviceImages | None":
        """The split on a device; None if it needs more than ``memory`` bytes.

        Images are stored as bytes if the conversion is exact, else as float32: the model must
        receive the same numbers from any storage.
        """
        for dtype in (torch.uint8, torch.float32):
            shape = (len(data.train), *data.image_shape)
            if torch.Size(shape).numel() * dtype.itemsize > memory:
                return None
            stored = cls(torch.empty(shape, dtype=dtype, device=device), data.bounds)
            if stored._fill(data):
                return stored
        return None

    def batch(self, positions: Indices) -> Tensor:
        """Images at positions of the split, float32 in the channels-last format."""
        chosen = torch.from_numpy(positions).to(self.values.device, non_blocking=True)
        images = self._decoded(self.values.index_select(0, chosen))
        return images.contiguous(memory_format=torch.channels_last)

    def _fill(self, data: ImageData) -> bool:
        low, high = self.bounds
        for first in range(0, len(data.train), _BLOCK):
            positions = np.arange(first, min(first + _BLOCK, len(data.train)))
            images = data.train.batch(positions).to(self.values.device)
            if self.values.dtype == torch.uint8:
                coded = ((images - low) * (255 / (high - low))).round().to(torch.uint8)
                if not torch.equal(self._decoded(coded), images):
                    return False
                images = coded
            self.values[first : first + _BLOCK] = images
        return True

    def _decoded(self, values: Tensor) -> Tensor:
        if values.dtype != torch.uint8:
            return values
        low, high = self.bounds
        # the same operations, in the same order, as for data sets stored as bytes
        return values.float() / (255 / (high - low)) + low
