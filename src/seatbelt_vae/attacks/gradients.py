"""Gradients of losses, and their memory, which limits how many inputs are evaluated at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from seatbelt_vae.protocol import Autoencoder, modules_of

__all__ = ["kept_for_backward", "rows_within_memory", "with_gradient"]

_BYTES, _BYTES_ON_A_GPU = 2**29, 2**33


def with_gradient(form: Callable[[Tensor], Tensor], images: Tensor) -> tuple[Tensor, Tensor]:
    """The value of ``form`` at images, and the gradient of its sum with respect to them.

    The gradient is 0 for a model that cuts it off; a flag reports such a model.
    """
    with torch.enable_grad():
        images = images.detach().requires_grad_()
        value = form(images)
        gradient = None
        if value.requires_grad:
            (gradient,) = torch.autograd.grad(value.sum(), images, allow_unused=True)
    return value.detach(), torch.zeros_like(images) if gradient is None else gradient


@contextmanager
def kept_for_backward(model: Autoencoder) -> Iterator[dict[int, int]]:
    """Bytes of each storage that autograd keeps while the block runs, by its address.

    The parameters of the model are left out: they do not grow with the number of inputs.
    """
    tensors = (p for module in modules_of(model) for p in module.parameters())
    own = {tensor.untyped_storage().data_ptr() for tensor in tensors}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        yield kept


def rows_within_memory(kept: dict[int, int], device: torch.device) -> int:
    """How many inputs together keep at most 512 MiB, or 8 GiB on a GPU; at least one.

    Args:
        kept: the bytes kept for one input, see `kept_for_backward`.
        device: the device of the model.

    Example:
        >>> rows_within_memory({0: 2**28, 1: 2**26}, torch.device("cpu"))
        1
    """
    most = _BYTES if device.type == "cpu" else _BYTES_ON_A_GPU
    return max(1, most // max(1, sum(kept.values())))
