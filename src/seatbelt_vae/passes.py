"""Passes of compiled code over what a layer or a batch of rows holds in memory."""

import ctypes
import logging
from collections.abc import Callable

import torch

from seatbelt_vae.compiled import compiled_part, threads_of_torch

__all__ = ["Pass", "compiled_passes"]

logger = logging.getLogger(__name__)

Pass = Callable[[ctypes.Structure, int, torch.dtype], None]
"""Makes one of a room's passes, by its number, over values of a type."""


def compiled_passes(room: str, subject: type[ctypes.Structure]) -> Pass | None:
    """The passes of a room of the package over what it describes; None if it was not compiled.

    Nor are there any where the code was changed since, which is logged: it would read other fields.
    """
    library = compiled_part(room)
    if library is None:
        return None
    if not _describes(library, subject):
        logger.warning(
            "%s was compiled from other code and is left out, which is slower: install the package "
            "again",
            room,
        )
        return None
    function = library.pass_over
    function.argtypes = (ctypes.POINTER(subject), *(ctypes.c_int64,) * 3, ctypes.c_void_p)
    function.restype = None

    def pass_over(given: ctypes.Structure, which: int, dtype: torch.dtype) -> None:
        halves = dtype == torch.bfloat16
        function(given, which, halves, torch.get_num_threads(), threads_of_torch())

    return pass_over


def _describes(library: ctypes.CDLL, subject: type[ctypes.Structure]) -> bool:
    size: int = getattr(library, "subject_size", lambda: 0)()
    return size == ctypes.sizeof(subject)
