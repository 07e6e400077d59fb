"""Descents that know nothing of each other, with their functions evaluated together.

An optimiser that calls its function one point at a time cannot be suspended, so each descent has a
thread of its own. Whenever all that are left wait for a value, one batch answers all of them: a
network takes little longer for fifty images than for one. As all wait for the batch, and it is in
their order, nothing depends on the threads' timing.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["in_step"]

T = TypeVar("T")
Vector = NDArray[np.float64]
Value = tuple[float, Vector]
Function = Callable[[Vector], Value]
Asked = SimpleQueue[tuple[int, Vector | None]]
Batch = Callable[[Sequence[int], Vector], tuple[Vector, Vector]]


def in_step(descents: Sequence[Callable[[Function], T]], evaluate: Batch) -> list[T]:
    """Run every descent to its end; what each returns.

    Args:
        descents: each is given its function, which answers with value and gradient.
        evaluate: values :math:`(R)` and gradients :math:`(R, n)` at some descents' points
            :math:`(R, n)`.

    Raises:
        Exception: whatever ``evaluate``, or at the end a descent, raises.

    Example:
        >>> def walk(function):
        ...     x = np.array([4.0])
        ...     for _ in range(3):
        ...         x = x - 0.5 * function(x)[1]
        ...     return x.item()
        >>> in_step([walk, walk], lambda which, x: ((x**2).sum(1) / 2, x))
        [0.5, 0.5]
    """
    if len(descents) == 1:  # which waits for nobody
        return [descents[0](lambda point: _alone(evaluate, point))]
    asked: Asked = SimpleQueue()
    answers: list[SimpleQueue[Value | None]] = [SimpleQueue() for _ in descents]

    def ask(number: int, point: Vector) -> Value:
        asked.put((number, point))
        answer = answers[number].get()
        if answer is None:
            raise CancelledError
        return answer

    with ThreadPoolExecutor(max(1, len(descents))) as threads:
        futures = [threads.submit(d, partial(ask, number)) for number, d in enumerate(descents)]
        for number, future in enumerate(futures):
            future.add_done_callback(partial(_tell_end, asked, number))
        left = set(range(len(descents)))
        try:
            while left:
                # one word of each that is left: a point, or that it has ended
                words = dict(asked.get() for _ in range(len(left)))
                left -= {number for number, point in words.items() if point is None}
                points = {n: point for n, point in sorted(words.items()) if point is not None}
                if points:
                    values, gradients = evaluate(list(points), np.stack(list(points.values())))
                    for number, *answer in zip(points, values, gradients, strict=True):
                        answers[number].put((float(answer[0]), answer[1]))
        finally:
            for queue in answers:
                queue.put(None)
    return [future.result() for future in futures]


def _tell_end(asked: Asked, number: int, _: object) -> None:
    asked.put((number, None))


def _alone(evaluate: Batch, point: Vector) -> Value:
    values, gradients = evaluate([0], point[None])
    return float(values[0]), gradients[0]
