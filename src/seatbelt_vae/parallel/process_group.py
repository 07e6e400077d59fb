"""Processes that share a batch: each holds the same number of rows; statistics use all rows.

The collectives are differentiable: the gradient of gathered rows flows back to their process. Each
process's loss is the mean over its rows. The average of the gradients over the processes is then
the gradient of the mean over the whole batch.

torch has no public equivalent: `torch.distributed.nn.functional` is deprecated from torch 2.13 on,
and its successors are private and change between releases.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed
from torch.autograd import Function

from seatbelt_vae.errors import ConfigError, SeatbeltError

__all__ = ["ALONE", "ProcessGroup", "process_group"]

_T = TypeVar("_T")


class ProcessGroup:
    """The group of a single process: every collective returns its argument.

    Objects that use collectives take the group from `process_group` in their constructor.
    """

    rank = 0
    size = 1

    def rows(self, count: int) -> slice:
        """This process's rows of a batch of ``count`` rows.

        Raises:
            ConfigError: the rows cannot be divided evenly.
        """
        if count % self.size:
            raise ConfigError(
                f"a batch of {count} for {self.size} workers: expected a multiple of the workers"
            )
        rows = count // self.size
        return slice(self.rank * rows, (self.rank + 1) * rows)

    def gather(self, rows: Tensor) -> Tensor:
        """The rows of all processes, concatenated in the order of their ranks."""
        return rows

    def mean(self, values: Tensor) -> Tensor:
        """The mean over processes."""
        return values

    def any(self, fact: bool) -> bool:
        """Whether ``fact`` is true in any process."""
        return fact

    def barrier(self) -> None:
        """Wait until every process has called this."""

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace every gradient by its mean over the processes."""

    def first_then_others(self, first: Callable[[], _T], others: Callable[[], _T]) -> _T:
        """Call ``first`` in the first process; if it succeeds, call ``others`` in the others.

        Raises:
            SeatbeltError: another process failed; the failed process raises its error instead.
        """
        if self.rank == 0:
            result = self._call(first)
            self._call(lambda: None)
            return result
        self._call(lambda: None)
        return self._call(others)

    def _call(self, function: Callable[[], _T]) -> _T:
        """Call a function in every process; return only if no process failed."""
        failed = True
        try:
            result = function()
            failed = False
        finally:
            failed_anywhere = self.any(failed)
        if failed_anywhere:
            raise SeatbeltError("another process failed; see its error message")
        return result


ALONE = ProcessGroup()


class _Distributed(ProcessGroup):
    """The default process group of `torch.distributed`."""

    def __init__(self) -> None:
        self.rank, self.size = distributed.get_rank(), distributed.get_world_size()

    def gather(self, rows: Tensor) -> Tensor:
        return _gather(rows)

    def mean(self, values: Tensor) -> Tensor:
        return _sum(values) / self.size

    def any(self, fact: bool) -> bool:
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        return bool(_sum(torch.tensor(float(fact), device=device)))

    def barrier(self) -> None:
        distributed.barrier()

    @torch.no_grad()
    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        # one message: the networks are too small to gain from overlapping communication with the
        # backward pass, as DistributedDataParallel does
        gradients = [p.grad for p in parameters if p.grad is not None]
        means = self.mean(torch.cat([gradient.flatten() for gradient in gradients]))
        parts = means.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))


def process_group() -> ProcessGroup:
    """The default torch process group; `ALONE` without one."""
    grouped = distributed.is_available() and distributed.is_initialized()
    return _Distributed() if grouped and distributed.get_world_size() > 1 else ALONE


class _Gather(Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.rows = len(rows)
        parts = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        first = distributed.get_rank() * ctx.rows
        return total[first : first + ctx.rows]


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
