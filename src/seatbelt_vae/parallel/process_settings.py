"""Process-wide settings, applied only to processes that the package starts."""

from seatbelt_vae.parallel.operating_system import keep_freed_memory

__all__ = ["tune_process"]


def tune_process(threads: int | None) -> None:
    """Set the number of CPU threads of torch (None: torch's default) and keep freed memory."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    keep_freed_memory()
