"""Reference of the public names, by the room that defines them."""

import importlib
import inspect
from collections.abc import Iterator

import seatbelt_vae

__all__ = ["names_of", "rooms"]


def names_of(room: str) -> list[str]:
    """The public names of the package that a room defines."""
    return seatbelt_vae._NAMES_BY_MODULE[room].split()


def rooms(*names: str) -> str:
    """The directives that document public names.

    Args:
        names: rooms, each for its public names, and single names such as ``attacks.AttackResult``.
    """
    lines = [line for name in names for line in _directives(name)]
    return "\n".join(["```{eval-rst}", *lines, "```", ""])


def _directives(name: str) -> Iterator[str]:
    room, dot, single = name.rpartition(".")
    if dot:
        module = importlib.import_module(f"seatbelt_vae.{room}")
        yield _directive(f"seatbelt_vae.{name}", getattr(module, single))
    else:
        for public in names_of(name):
            yield _directive(f"seatbelt_vae.{public}", getattr(seatbelt_vae, public))


def _directive(path: str, value: object) -> str:
    if inspect.isclass(value):
        return f".. autoclass:: {path}\n   :members:\n"
    return f".. autofunction:: {path}\n"
