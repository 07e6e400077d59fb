"""Settings of whole processes, for those that are ours alone: the command's and its workers'."""

import ctypes
import sys

__all__ = ["tune_process"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGE, _NEVER = 2**30, 2**31 - 1


def tune_process(threads: int | None) -> None:
    """Let torch use so many CPU threads here (None: as it would), and keep freed memory.

    glibc hands every large freed block back to the system and gets the next one zeroed, page by
    page; with activations made anew in every evaluation that is a third of an attack's time.
    """
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(_MMAP_THRESHOLD, _LARGE)
            mallopt(_TRIM_THRESHOLD, _NEVER)
