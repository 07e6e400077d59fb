"""One command run by several processes, as torchrun starts them: the first speaks and writes."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Protocol, TypeVar

from seatbelt_vae.errors import SeatbeltError

__all__ = ["first_speaks", "joined"]

_T = TypeVar("_T")


@contextmanager
def first_speaks() -> Iterator[None]:
    """Let only the first process print; what another alone meets, and a traceback, are told."""
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

    from seatbelt_vae.parallel.process_group import process_group

    state = PartialState(cpu=device == "cpu")

    def in_turn(first: Callable[[], _T], others: Callable[[], _T]) -> _T:
        return process_group().first_then_others(first, _telling(others))

    try:
        yield in_turn
    finally:
        state.destroy_process_group()


def _telling(others: Callable[[], _T]) -> Callable[[], _T]:
    """Say what only a silent process meets, such as images that its machine lacks."""

    def part() -> _T:
        try:
            return others()
        except SeatbeltError as error:
            rank = os.environ["RANK"]
            print(f"seatbelt-vae: error: process {rank}: {error}", file=sys.__stderr__)
            raise

    return part


def _alone(first: Callable[[], _T], _others: Callable[[], _T]) -> _T:
    return first()
