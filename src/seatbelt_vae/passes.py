"""Passes of compiled code over what a layer or a batch of rows holds in memory."""

import ctypes
from collections.abc import Callable

import torch

from seatbelt_vae.compiled import compiled_part, threads_of_torch

__all__ = ["Pass", "compiled_passes"]

Pass = Callable[[ctypes.Structure, int, torch.dtype], None]
"""Makes one of a room's passes, by its number, over values of a type."""


def compiled_passes(room: str, subject: type[ctypes.Structure]) -> Pass | None:
    """The passes of a room of the package over what it describes; None if it was not compiled."""
    library = compiled_part(room)
    if library is None:
        return None
    function = library.pass_over
    function.argtypes = (ctypes.POINTER(subject), *(ctypes.c_int64,) * 3, ctypes.c_void_p)
    function.restype = None

    def pass_over(given: ctypes.Structure, which: int, dtype: torch.dtype) -> None:
        halves = dtype == torch.bfloat16
        function(given, which, halves, torch.get_num_threads(), threads_of_torch())

    return pass_over
