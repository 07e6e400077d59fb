"""Memory blocks of NumPy arrays and CPU tensors for kernels."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seatbelt_vae.kernels.library import omp_team

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Memory", "NumpyArrays", "TorchTensors"]


class Memory(NamedTuple):
    """A contiguous block of memory.

    Args:
        shape, dtype: shape and dtype of the array.
        address: address of the first value.
    """

    shape: tuple[int, ...]
    dtype: str
    address: int


class NumpyArrays:
    """NumPy arrays, for kernels with one thread. torch is not imported."""

    def memory(self, array: Any) -> Memory | str:
        """The memory of an array, or the reason that a kernel cannot use it."""
        if not isinstance(array, np.ndarray):
            return f"is a {type(array).__name__}, expected a NumPy array"
        if not (array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative):
            return "is not contiguous, aligned and of native byte order: use np.ascontiguousarray"
        return Memory(array.shape, array.dtype.name, array.ctypes.data)

    def empty(self, shape: tuple[int, ...], dtype: str) -> Any:
        """A new uninitialised array."""
        return np.empty(shape, dtype)

    def range(self, array: Any) -> tuple[int, int] | None:
        """The smallest and the largest value; None if the array is empty."""
        return (int(array.min()), int(array.max())) if array.size else None

    def threads(self) -> tuple[int, int | None]:
        """The number of threads, and the address of `omp_team`."""
        return 1, None


class TorchTensors(NumpyArrays):
    """Dense tensors on the CPU. Kernels use the number of threads of torch."""

    def memory(self, array: Any) -> Memory | str:
        import torch

        if type(array) not in (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer):
            return f"is a {type(array).__name__}, expected a tensor"
        if array.device.type != "cpu" or array.layout is not torch.strided:
            return f"is a {array.layout} tensor on {array.device}, expected a dense one on the CPU"
        if torch.is_grad_enabled() and array.requires_grad:
            return "requires a gradient, which a kernel does not record: detach it"
        return _dense(array)

    def empty(self, shape: tuple[int, ...], dtype: str) -> Any:
        import torch

        return torch.empty(shape, dtype=getattr(torch, dtype))

    def range(self, array: Any) -> tuple[int, int] | None:
        return (int(array.min()), int(array.max())) if array.numel() else None

    def threads(self) -> tuple[int, int | None]:
        import torch

        return torch.get_num_threads(), omp_team()


def _dense(tensor: "Tensor") -> Memory | str:
    if not tensor.is_contiguous() or tensor.is_neg() or tensor.is_conj():
        return "is not contiguous: call .contiguous()"
    size = tensor.numel() * tensor.element_size()
    try:
        storage = tensor.untyped_storage().nbytes()
        address = tensor.data_ptr()
    except RuntimeError:  # wrapper tensors of torch.func have no storage
        return "has no memory of its own: kernels do not work under torch.func"
    if tensor.storage_offset() * tensor.element_size() + size > storage:
        return f"needs {size} bytes, but its storage has {storage}"
    return Memory(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), address)
