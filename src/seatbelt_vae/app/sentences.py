"""Errors as sentences for the browser, without paths of the server."""

import re

from seatbelt_vae.errors import SeatbeltError

__all__ = ["INTERNAL", "sentence_of", "without_paths"]

INTERNAL = "The attack failed inside the model or the library; the terminal of the server says why."
_PATH = re.compile(r"(?<![\w:/.])~?(?:[A-Za-z]:)?(?:[\\/]+[^\s\\/'\",;:]+)+[\\/]?")


def sentence_of(error: BaseException) -> str:
    """An error of the library as a sentence; any other error as one that says where to look.

    Example:
        >>> sentence_of(SeatbeltError("no file at /srv/models/vae: make it"))
        'No file at …/vae: make it.'
    """
    if not isinstance(error, SeatbeltError):
        return INTERNAL
    text = without_paths(" ".join(str(error).split()))
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def without_paths(text: str) -> str:
    r"""The text with … for the folders of each absolute path.

    Example:
        >>> without_paths(r"read /home/ada/x.py, C:\data\a.png, 1/2 and runs/vae")
        'read …/x.py, …/a.png, 1/2 and runs/vae'
    """
    return _PATH.sub(lambda found: "…/" + re.split(r"[\\/]+", found[0].rstrip("\\/"))[-1], text)
