"""Independent descents whose function evaluations share one batch.

An optimiser that calls its function one point at a time cannot be suspended, so every descent runs
in a thread. When all running descents wait for a value, one batch evaluates all their points: a
network takes little longer for fifty images than for one. The batch is in the order of the
descents, so results do not depend on thread timing.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["run_in_lockstep"]

T = TypeVar("T")
Vector = NDArray[np.float64]
Value = tuple[float, Vector]
Function = Callable[[Vector], Value]
Points = SimpleQueue[tuple[int, Vector | None]]
Batch = Callable[[Sequence[int], Vector], tuple[Vector, Vector]]


def run_in_lockstep(descents: Sequence[Callable[[Function], T]], evaluate: Batch) -> list[T]:
    """Run every descent to its end and return their results.

    Args:
        descents: callables that get a function from a point to its value and gradient.
        evaluate: maps indices of descents and their points :math:`(R, n)` to values :math:`(R)` and
            gradients :math:`(R, n)`.

    Raises:
        Exception: an exception of ``evaluate``; or, after all have ended, of a descent.

    Example:
        >>> def walk(function):
        ...     x = np.array([4.0])
        ...     for _ in range(3):
        ...         x = x - 0.5 * function(x)[1]
        ...     return x.item()
        >>> run_in_lockstep([walk, walk], lambda which, x: ((x**2).sum(1) / 2, x))
        [0.5, 0.5]
    """
    if len(descents) == 1:  # needs no threads
        return [descents[0](lambda point: _evaluate_one(evaluate, point))]
    points: Points = SimpleQueue()
    results: list[SimpleQueue[Value | None]] = [SimpleQueue() for _ in descents]

    def function(number: int, point: Vector) -> Value:
        points.put((number, point))
        result = results[number].get()
        if result is None:
            raise CancelledError
        return result

    with ThreadPoolExecutor(max(1, len(descents))) as threads:
        futures = [
            threads.submit(descent, partial(function, number))
            for number, descent in enumerate(descents)
        ]
        for number, future in enumerate(futures):
            future.add_done_callback(partial(_send_end, points, number))
        _serve(evaluate, points, results)
    return [future.result() for future in futures]


def _serve(evaluate: Batch, points: Points, results: list[SimpleQueue[Value | None]]) -> None:
    """Evaluate batches of points until every descent has sent its end."""
    running = set(range(len(results)))
    try:
        while running:
            # one message per running descent: a point, or None at its end
            messages = dict(points.get() for _ in range(len(running)))
            running -= {number for number, point in messages.items() if point is None}
            batch = {n: point for n, point in sorted(messages.items()) if point is not None}
            if batch:
                values, gradients = evaluate(list(batch), np.stack(list(batch.values())))
                for number, value, gradient in zip(batch, values, gradients, strict=True):
                    results[number].put((float(value), gradient))
    finally:
        for queue in results:
            queue.put(None)


def _send_end(points: Points, number: int, _: object) -> None:
    points.put((number, None))


def _evaluate_one(evaluate: Batch, point: Vector) -> Value:
    values, gradients = evaluate([0], point[None])
    return float(values[0]), gradients[0]
