"""The file of a model card, which is rewritten unless a user has edited it.

The last line is a comment with the digest of the text above and the options of `share`.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from seatbelt_vae.runs import atomic_write

__all__ = ["CardOptions", "is_edited", "stored_options", "write_card"]

_NAME = "README.md"
_LAST = "<!-- written by seatbelt-vae share: {} -->\n"
_CARD = re.compile(r"(.*\n)" + _LAST.format(r"([^\n]*)"), re.DOTALL)


@dataclass(frozen=True)
class CardOptions:
    """Facts of a card that the run does not hold.

    Args:
        licence: licence of the model, as abbreviated on the Hub.
        where: repository or folder to load the model from.
    """

    licence: str | None = None
    where: str | None = None


def write_card(folder: Path, text: str, options: CardOptions) -> None:
    """Write the card of a shared folder atomically."""
    above = text.rstrip("\n") + "\n\n"
    record = json.dumps({"digest": _digest(above), **asdict(options)})
    # a > could end the comment; JSON allows any character as an escape
    last = _LAST.format(record.replace(">", "\\u003e"))
    atomic_write(folder / _NAME, f"{above}{last}".encode())


def is_edited(folder: Path) -> bool:
    """Whether the card exists and its last line does not match its text."""
    return (folder / _NAME).exists() and stored_options(folder) is None


def stored_options(folder: Path) -> CardOptions | None:
    """The options in the last line of the card; None if the card is missing or edited."""
    if not (folder / _NAME).exists():
        return None
    card = _CARD.fullmatch((folder / _NAME).read_bytes().decode(errors="replace"))
    if card is None:
        return None
    above, last = card.groups()
    try:
        record = json.loads(last)
        return CardOptions(**record) if record.pop("digest") == _digest(above) else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None  # the user edited the comment that holds the options


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
