"""Processes that share a batch: each holds equal rows, statistics are taken over all rows.

The collectives are differentiable: the gradient of rows received from other processes flows back to
them. If each process's loss is the mean over its own rows, and gradients are averaged over the
processes, the result is the gradient of the mean over the whole batch.

They are ours because torch has no public ones: `torch.distributed.nn.functional` is deprecated from
torch 2.13 on, and the successors it names are private and differ from one release to the next.
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
    """A process that is alone: every collective returns its argument.

    Objects that exchange something get the group of their process once, from `process_group`, when
    they are made; their calls never ask whether there are other processes.
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
        each = count // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def gather(self, rows: Tensor) -> Tensor:
        """The rows of all processes, in the order of the whole batch."""
        return rows

    def mean(self, values: Tensor) -> Tensor:
        """The mean over processes."""
        return values

    def any(self, fact: bool) -> bool:
        """Whether something is true of any process."""
        return fact

    def barrier(self) -> None:
        """Wait until every process has called this."""

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace every gradient by its mean over the processes."""

    def first_then_others(self, first: Callable[[], _T], others: Callable[[], _T]) -> _T:
        """Call ``first`` in the first process, then, if it succeeded, ``others`` in the others.

        Raises:
            SeatbeltError: in every process that did not fail itself, if another one did.
        """
        if self.rank == 0:
            result = self._call(first)
            self._call(lambda: None)
            return result
        self._call(lambda: None)
        return self._call(others)

    def _call(self, function: Callable[[], _T]) -> _T:
        """Call a function in every process; returns once no process has failed."""
        failed = True
        try:
            result = function()
            failed = False
        finally:
            failed_anywhere = self.any(failed)
        if failed_anywhere:
            raise SeatbeltError("another worker failed, and says why")
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
        # one message: the networks are small, so that overlapping the exchange with the backward
        # pass, as DistributedDataParallel does, gains nothing
        gradients = [p.grad for p in parameters if p.grad is not None]
        means = self.mean(torch.cat([gradient.flatten() for gradient in gradients]))
        parts = means.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))


def process_group() -> ProcessGroup:
    """The processes that share a batch with this one, in the default torch process group."""
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
