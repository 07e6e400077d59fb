"""Process-wide settings, applied only to processes that the package starts."""

from seatbelt_vae.parallel.operating_system import keep_freed_memory

__all__ = ["threads_beside", "tune_process"]


def tune_process(threads: int | None) -> None:
    """Set the number of CPU threads of torch (None: torch's default) and keep freed memory."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    keep_freed_memory()


def threads_beside(processes: int, threads: int | None) -> int | None:
    """The threads of each of several processes: those asked for, else 1; None if it is alone.

    Example:
        >>> threads_beside(2, None), threads_beside(1, None), threads_beside(2, 3)
        (1, None, 3)
    """
    return threads or (1 if processes > 1 else None)
