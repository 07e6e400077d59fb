"""The colours and markers of the paper's series and of β."""

from collections.abc import Iterable, Sequence

from seatbelt_vae.report.drawing.axis import Axis
from seatbelt_vae.report.drawing.style import INK, RAMP, SERIES, Look

__all__ = ["beta_axis", "looks", "ramp"]

_LOOKS = {
    "VAE": Look(SERIES[5], "o"),
    "β-VAE": Look(SERIES[3], "s"),
    "β-TCVAE": Look(SERIES[0], "^"),
    "Seatbelt-VAE": Look(SERIES[1], "D"),
    "TC-DLGM": Look(SERIES[2], "v"),
    "FactorVAE": Look(SERIES[4], "X"),
}


def looks(series: Iterable[str]) -> dict[str, Look]:
    """The look of each series, in a fixed order; a kind of model has the same look in all figures.

    Example:
        >>> list(looks(["Seatbelt-VAE", "β-TCVAE"]))
        ['β-TCVAE', 'Seatbelt-VAE']
        >>> variants = looks(f"Seatbelt-VAE, L = {depth}" for depth in range(1, 6))
        >>> len(set(variants.values())), variants["Seatbelt-VAE, L = 1"] == _LOOKS["Seatbelt-VAE"]
        (5, True)
    """
    order = {kind: place for place, kind in enumerate(_LOOKS)}
    ordered = sorted(
        set(series), key=lambda name: (order.get(_kind(name), len(order)), len(name), name)
    )
    free = [look for kind, look in _LOOKS.items() if all(_kind(name) != kind for name in ordered)]
    chosen: dict[str, Look] = {}
    for name in ordered:
        look = _LOOKS.get(_kind(name))
        if look is None or look in chosen.values():
            look = free.pop(0) if free else Look(INK, "P")
        chosen[name] = look
    return chosen


def _kind(series: str) -> str:
    """The part before the comma, as in ``Seatbelt-VAE, L = 4``."""
    return series.split(",")[0]


def ramp(values: Iterable[float]) -> dict[float, str]:
    """A colour of `RAMP` for each β, in ascending order.

    Example:
        >>> ramp([10.0, 1.0]) == {1.0: RAMP[0], 10.0: RAMP[-1]}
        True
    """
    ordered = sorted(set(values))
    last = max(len(ordered) - 1, 1)
    return {value: RAMP[round(k * (len(RAMP) - 1) / last)] for k, value in enumerate(ordered)}


def beta_axis(betas: Sequence[float]) -> Axis:
    """An axis of β with a tick at every β."""
    low, high = min(betas), max(betas)
    room = 0.06 * (high - low) or 0.5
    return Axis("β", low - room, high + room, betas, lambda value: f"{value:g}")
