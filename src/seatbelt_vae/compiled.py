"""The package's compiled parts, as far as it was installed where a C++ compiler is."""

import ctypes
from importlib.util import find_spec

__all__ = ["compiled_part"]


def compiled_part(room: str) -> ctypes.CDLL | None:
    """The library ``_native`` of a room of the package; None if it was not or cannot be built."""
    spec = find_spec(f"{room}._native")
    if spec is None or spec.origin is None:
        return None
    try:
        return ctypes.CDLL(spec.origin)
    except OSError:  # built on another machine than it is used on
        return None
