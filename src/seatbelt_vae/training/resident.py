"""Training images kept on the device, as bytes where they are bytes: no step waits for them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seatbelt_vae.data import ImageData
from seatbelt_vae.data.dataset import Indices

__all__ = ["Resident"]

_BLOCK = 4096
_SHARE_OF_MEMORY = 0.5


@dataclass(frozen=True)
class Resident:
    """The training split on the device.

    Args:
        values: :math:`(N, C, H, W)`, bytes 0 … 255 for the bounds' ends, or float32.
        bounds: of the pixels.
    """

    values: Tensor
    bounds: tuple[float, float]

    @classmethod
    def if_it_fits(cls, data: ImageData, device: torch.device) -> "Resident | None":
        """The split on a GPU that has room for it; None if it has not, or is none."""
        if device.type != "cuda":
            return None
        free, _ = torch.cuda.mem_get_info(device)
        return cls.within(data, device, int(_SHARE_OF_MEMORY * free))

    @classmethod
    def within(cls, data: ImageData, device: torch.device, memory: int) -> "Resident | None":
        """The split on a device, if it takes no more than so many bytes there.

        Images that bytes cannot hold exactly are kept as float32: a model must see the same numbers
        wherever they lie.
        """
        for dtype in (torch.uint8, torch.float32):
            shape = (len(data.train), *data.image_shape)
            if torch.Size(shape).numel() * dtype.itemsize > memory:
                return None
            kept = cls(torch.empty(shape, dtype=dtype, device=device), data.bounds)
            if kept._fill(data):
                return kept
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
        # the same operations as a set stored in bytes is read with
        return values.float() / (255 / (high - low)) + low
