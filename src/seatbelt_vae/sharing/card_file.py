"""The card of a shared folder as a file, which is written anew for as long as nobody edits it.

Its last line is a comment: the digest of all above it, and what `share` was told for it.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from seatbelt_vae.runs import atomic_write

__all__ = ["Told", "is_edited", "told_before", "write_card"]

_NAME = "README.md"
_LAST = "<!-- written by seatbelt-vae share: {} -->\n"
_CARD = re.compile(r"(.*\n)" + _LAST.format(r"([^\n]*)"), re.DOTALL)


@dataclass(frozen=True)
class Told:
    """What a card says that its run does not know.

    Args:
        licence: the model's, as the Hub abbreviates it.
        where: what to load the model from.
    """

    licence: str | None = None
    where: str | None = None


def write_card(folder: Path, text: str, told: Told) -> None:
    """Write the card of a shared folder, whole or not at all."""
    above = text.rstrip("\n") + "\n\n"
    stated = json.dumps({"digest": _digest(above), **asdict(told)})
    # JSON may escape any letter, and a > could end the comment
    last = _LAST.format(stated.replace(">", "\\u003e"))
    atomic_write(folder / _NAME, f"{above}{last}".encode())


def is_edited(folder: Path) -> bool:
    """Whether the card there is another than `share` wrote, or one of before it said so."""
    return (folder / _NAME).exists() and _stated(folder) is None


def told_before(folder: Path) -> Told:
    """What the card there was told, unless it is missing or edited."""
    return _stated(folder) or Told()


def _stated(folder: Path) -> Told | None:
    """What the card's last line says, if it fits what is above."""
    if not (folder / _NAME).exists():
        return None
    card = _CARD.fullmatch((folder / _NAME).read_bytes().decode(errors="replace"))
    if card is None:
        return None
    above, last = card.groups()
    try:
        stated = json.loads(last)
        return Told(**stated) if stated.pop("digest") == _digest(above) else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None  # somebody edited the comment itself


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
