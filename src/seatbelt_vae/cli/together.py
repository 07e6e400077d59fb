"""One command run by several processes, as torchrun starts them: the first speaks and writes."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Protocol, TypeVar

__all__ = ["first_speaks", "joined"]

_T = TypeVar("_T")


@contextmanager
def first_speaks() -> Iterator[None]:
    """Let only the first of the processes print; what is unexpected is told by any of them."""
    if int(os.environ.get("RANK", "0")) == 0:
        yield
        return
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


class InTurn(Protocol):
    """Lets the first process do its part, and then the others theirs if it succeeded."""

    def __call__(self, first: Callable[[], _T], others: Callable[[], _T], /) -> _T:
        """What this process's part returns."""


@contextmanager
def joined(device: str) -> Iterator[InTurn]:
    """Be one of the processes that torchrun started; nothing changes for one that is alone.

    Args:
        device: as of `TrainingConfig`.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or "MASTER_ADDR" not in os.environ:
        yield _alone
        return
    from accelerate import PartialState

    from seatbelt_vae.workers import first_then_others

    group = PartialState(cpu=device == "cpu")
    try:
        yield first_then_others
    finally:
        group.destroy_process_group()


def _alone(first: Callable[[], _T], _others: Callable[[], _T]) -> _T:
    return first()
