"""The package's compiled parts, as far as it was installed where a C++ compiler is."""

import ctypes
from functools import cache
from importlib.util import find_spec

__all__ = ["compiled_part", "threads_of_torch"]


def compiled_part(room: str) -> ctypes.CDLL | None:
    """The library ``_native`` of a room of the package; None if it was not or cannot be built."""
    spec = find_spec(f"{room}._native")
    if spec is None or spec.origin is None:
        return None
    try:
        return ctypes.CDLL(spec.origin)
    except OSError:  # built on another machine than it is used on
        return None


@cache
def threads_of_torch() -> int | None:
    """Address of ``GOMP_parallel`` of the OpenMP that torch runs on; None if it runs on another.

    After each operator torch's threads stay awake for milliseconds, waiting for the next: others
    beside them have to share their cores, which is a tenth of a training step.
    """
    import torch

    try:
        function = ctypes.CDLL(torch._C.__file__).GOMP_parallel
    except (AttributeError, OSError):
        return None
    return ctypes.cast(function, ctypes.c_void_p).value
