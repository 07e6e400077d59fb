"""The arguments of the command that runs, for results that state how they were made."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["invocation", "invoked"]

_ARGUMENTS: ContextVar[tuple[str, ...]] = ContextVar("arguments", default=())


@contextmanager
def invoked(arguments: Sequence[str]) -> Iterator[None]:
    """State the arguments of the command during the block."""
    token = _ARGUMENTS.set(tuple(arguments))
    try:
        yield
    finally:
        _ARGUMENTS.reset(token)


def invocation() -> str:
    """The command that runs, as it is typed in a shell.

    Example:
        >>> with invoked(["audit", "my vae.py:load"]):
        ...     invocation()
        "seatbelt-vae audit 'my vae.py:load'"
    """
    return shlex.join(["seatbelt-vae", *_ARGUMENTS.get()])
