"""The names of defences at inference, and their numbers."""

from seatbelt_vae.config.checks import one_of
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.references import is_reference

__all__ = ["DEFENCES", "full_name", "parse_defence"]

DEFENCES: dict[str, float] = {
    "averaging": 8,
    "self-denoising": 1,
    "hmc": 5,
    "center-smoothing": 0.1,
}
"""The default number of each defence: draws, times, transitions, σ as a share of the range."""

_SHARES = ("center-smoothing",)


def parse_defence(text: str) -> tuple[str, float]:
    """Name and number of a defence.

    Example:
        >>> parse_defence("averaging:4"), parse_defence("averaging")
        (('averaging', 4.0), ('averaging', 8))

    Raises:
        ConfigError: an unknown name, or a number that is not above 0, or not whole for a count.
    """
    name, colon, number = text.partition(":")
    one_of("defence", name, DEFENCES)
    try:
        value = float(number) if colon else DEFENCES[name]
    except ValueError:
        value = 0
    whole = name not in _SHARES
    if not 0 < value < 1e6 or (whole and value != int(value)):
        expected = "a whole number" if whole else "a number"
        raise ConfigError(
            f"defence {text!r}, expected {expected} above 0 after {name}:, such as "
            f"{name}:{DEFENCES[name]:g}"
        )
    return name, value


def full_name(text: str) -> str:
    """A defence with its number; a function of the user stays as it is.

    Example:
        >>> full_name("averaging")
        'averaging:8'
    """
    if is_reference(text):
        return text
    name, value = parse_defence(text)
    return f"{name}:{value:g}"
