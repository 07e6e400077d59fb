"""Defences at inference by name: their classes and numbers. torch is not imported.

Training defences are in `seatbelt_vae.config.training_defences`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from seatbelt_vae.config.checks import one_of
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.references import is_reference

__all__ = ["WRAPPERS", "WrapperKind", "full_name", "parse_wrapper"]


@dataclass(frozen=True)
class WrapperKind:
    """A defence at inference of the package.

    Args:
        wrapper: ``module:class`` of the `Wrapper`, which takes the model and a number.
        default: the number if none is given.
        whole: whether the number is a count.
    """

    wrapper: str
    default: float
    whole: bool = True


_ROOM = "seatbelt_vae.defences."

WRAPPERS: Mapping[str, WrapperKind] = {
    "averaging": WrapperKind(_ROOM + "averaging:Averaging", 8),
    "self-denoising": WrapperKind(_ROOM + "self_denoising:SelfDenoising", 1),
    "hmc": WrapperKind(_ROOM + "hamiltonian:HamiltonianMonteCarlo", 5),
    "center-smoothing": WrapperKind(_ROOM + "center_smoothing:CenterSmoothing", 0.1, whole=False),
}
"""The defences at inference; their numbers are draws, times, transitions, σ over the range."""


def parse_wrapper(text: str) -> tuple[str, float]:
    """Name and number of a defence at inference.

    Example:
        >>> parse_wrapper("averaging:4"), parse_wrapper("averaging")
        (('averaging', 4), ('averaging', 8))

    Raises:
        ConfigError: an unknown name, or a number that is not above 0, or not whole for a count.
    """
    name, colon, number = text.partition(":")
    one_of("defence at inference", name, WRAPPERS)
    kind = WRAPPERS[name]
    try:
        value = float(number) if colon else kind.default
    except ValueError:
        value = 0
    if not 0 < value < 1e6 or (kind.whole and value != int(value)):
        expected = "a whole number" if kind.whole else "a number"
        raise ConfigError(
            f"defence {text!r}, expected {expected} above 0 after {name}:, such as "
            f"{name}:{kind.default:g}"
        )
    return name, int(value) if kind.whole else value


def full_name(text: str) -> str:
    """A defence with its number; a function of the user stays as it is.

    Example:
        >>> full_name("averaging")
        'averaging:8'
    """
    if is_reference(text):
        return text
    name, value = parse_wrapper(text)
    return f"{name}:{value:g}"
