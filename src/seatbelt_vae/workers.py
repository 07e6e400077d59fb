"""Several processes that share one batch: its rows dealt out, its statistics taken over all rows.

Every function is the identity (or one worker's answer) where no process group is at work, so that
models and objectives call them without asking. The collectives are differentiable: the gradient of
what a worker received from the others flows back to them. With each worker's loss the mean over its
own rows and gradients averaged over workers, that is the gradient of the mean over the whole batch.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed
from torch.autograd import Function

from seatbelt_vae.errors import ConfigError, SeatbeltError

__all__ = [
    "averaged",
    "first_then_others",
    "gathered",
    "own_rows",
    "summed",
    "true_of_any",
    "wait_for_all",
    "worker_count",
    "worker_rank",
]

_T = TypeVar("_T")


def worker_count() -> int:
    """How many processes share the batch."""
    return distributed.get_world_size() if _grouped() else 1


def worker_rank() -> int:
    """Which of them this one is, from 0."""
    return distributed.get_rank() if _grouped() else 0


def own_rows(rows: int) -> slice:
    """The rows of a whole batch that are this worker's.

    Raises:
        ConfigError: the rows cannot be dealt out evenly.
    """
    if rows % worker_count():
        raise ConfigError(
            f"a batch of {rows} for {worker_count()} workers: expected a multiple of the workers"
        )
    each = rows // worker_count()
    return slice(worker_rank() * each, (worker_rank() + 1) * each)


def gathered(rows: Tensor) -> Tensor:
    """All workers' rows, in the order of the whole batch."""
    return rows if worker_count() == 1 else _gather(rows)


def summed(values: Tensor) -> Tensor:
    """The sum over workers, the same on each."""
    return values if worker_count() == 1 else _sum(values)


def averaged(values: Tensor) -> Tensor:
    """The mean over workers, the same on each."""
    return summed(values) / worker_count()


def true_of_any(fact: bool) -> bool:
    """Whether something is true of any worker, the same on each."""
    if worker_count() == 1:
        return fact
    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    return bool(summed(torch.tensor(float(fact), device=device)))


def first_then_others(first: Callable[[], _T], others: Callable[[], _T]) -> _T:
    """Let the first worker do its part, and then the others theirs if it succeeded.

    Raises:
        SeatbeltError: on every worker that did not fail itself, where another did: none is left
            waiting for it.
    """
    if worker_rank() == 0:
        found = _beside_the_others(first)
        _beside_the_others(_wait)
        return found
    _beside_the_others(_wait)
    return _beside_the_others(others)


def _beside_the_others(part: Callable[[], _T]) -> _T:
    """What this worker's part returns, once no worker has failed in its own."""
    failed = True
    try:
        found = part()
        failed = False
    finally:
        failed_anywhere = true_of_any(failed)
    if failed_anywhere:
        raise SeatbeltError("another worker failed, and says why")
    return found


def _wait() -> None:
    """The part of a worker whose turn it is not."""


def wait_for_all() -> None:
    """Go on once every worker has come here."""
    if _grouped():
        distributed.barrier()


def _grouped() -> bool:
    return distributed.is_available() and distributed.is_initialized()


class _Gather(Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.rows = len(rows)
        parts = [torch.empty_like(rows) for _ in range(worker_count())]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total[worker_rank() * ctx.rows : (worker_rank() + 1) * ctx.rows]


class _Sum(Function):
    @staticmethod
    def forward(_ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total


_gather: Callable[[Tensor], Tensor] = _Gather.apply
_sum: Callable[[Tensor], Tensor] = _Sum.apply
