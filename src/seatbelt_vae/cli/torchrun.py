"""One command in several processes, started by torchrun: the first prints and writes."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Protocol, TypeVar

from seatbelt_vae.errors import SeatbeltError

__all__ = ["print_in_first_process", "torchrun_group"]

_T = TypeVar("_T")


@contextmanager
def print_in_first_process() -> Iterator[None]:
    """Silence all processes but the first; tracebacks and `SeatbeltError` are still printed."""
    if int(os.environ.get("RANK", "0")) == 0:
        yield
        return
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


class InTurn(Protocol):
    """Call one function in the first process; if it succeeds, call another in the others."""

    def __call__(self, first: Callable[[], _T], others: Callable[[], _T], /) -> _T:
        """Return the result of this process's function."""


@contextmanager
def torchrun_group(device: str) -> Iterator[InTurn]:
    """Join the process group of torchrun; yields a function that calls in order of rank.

    Args:
        device: the device, see `TrainingConfig`.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or "MASTER_ADDR" not in os.environ:
        yield _alone
        return
    from accelerate import PartialState

    from seatbelt_vae.parallel.process_group import process_group

    state = PartialState(cpu=device == "cpu")

    def in_turn(first: Callable[[], _T], others: Callable[[], _T]) -> _T:
        return process_group().first_then_others(first, _reported(others))

    try:
        yield in_turn
    finally:
        state.destroy_process_group()


def _reported(others: Callable[[], _T]) -> Callable[[], _T]:
    """Print an error of a silenced process, such as images that its machine lacks."""

    def call() -> _T:
        try:
            return others()
        except SeatbeltError as error:
            rank = os.environ["RANK"]
            print(f"seatbelt-vae: error: process {rank}: {error}", file=sys.__stderr__)
            raise

    return call


def _alone(first: Callable[[], _T], _others: Callable[[], _T]) -> _T:
    return first()
