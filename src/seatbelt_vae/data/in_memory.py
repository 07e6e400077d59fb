"""A data set of inputs in memory, taken as they are: nothing is scaled."""

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seatbelt_vae.data.dataset import ImageData, Indices, random_split
from seatbelt_vae.errors import DataError

__all__ = ["data_in_memory"]


def data_in_memory(
    inputs: Tensor | NDArray[np.floating], bounds: tuple[float, float], name: str = "memory"
) -> ImageData:
    r"""The data set of inputs :math:`(N, \text{event})`; a tenth of them is the test split.

    Args:
        inputs: real values inside the bounds.
        bounds: smallest and largest value.
        name: its name in reports.

    Raises:
        DataError: fewer than two inputs, or values that are not finite or outside the bounds.

    Example:
        >>> data_in_memory(torch.zeros(20, 1, 8, 8), (0.0, 1.0)).image_shape
        (1, 8, 8)
    """
    values = torch.as_tensor(inputs).detach().float().cpu().numpy()
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if not np.isfinite(values).all() or low < bounds[0] or high > bounds[1]:
        raise DataError(
            f"{name} has values from {low:g} to {high:g}, expected finite ones in {bounds}: scale "
            f"them to the bounds of the model"
        )

    def read(indices: Indices) -> NDArray[np.float32]:
        return values[indices]

    train, test = random_split(len(values), read)
    digest = hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()
    return ImageData(name, bounds, tuple(values.shape[1:]), train, test, digest=digest)
