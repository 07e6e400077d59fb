"""Measures of an attack's own objective, averaged over the levels λ of a pair."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from seatbelt_vae.evaluation.measures.declaration import PairMeasure

if TYPE_CHECKING:
    from seatbelt_vae.evaluation.robustness import PairMeasures

__all__ = ["ATTACK_OBJECTIVE", "shifted_geometric_mean"]

Row = dict[str, Any]
Compute = Callable[[Sequence[Row], "PairMeasures"], float | None]

_measure = partial(PairMeasure, group="The attack's own objective")
_above_c = partial(_measure, unit="of the loss, above its floor", mean="geometric")
_EXHAUSTED = "evaluation limit"
_SHIFT = 1e-3


def shifted_geometric_mean(values: Sequence[float], shift: float = 0.0) -> float:
    r""":math:`\exp\overline{\log(v + s)} - s` of non-negative numbers v.

    The shift s > 0 keeps a single 0, such as the divergence of the target itself, from making the
    mean 0.

    Example:
        >>> round(shifted_geometric_mean([0.0, 3.0], shift=1.0), 12)
        1.0
    """
    with np.errstate(divide="ignore"):  # log 0 = −∞ gives a mean of 0
        return float(np.exp(np.log(np.asarray(values) + shift).mean())) - shift


def _above_floor(rows: Sequence[Row], name: str) -> list[float]:
    """Values minus the loss's greatest lower bound, clamped at 0 against rounding."""
    return [max(row[name] - row["divergence_floor"], 0.0) for row in rows]


def _start(rows: Sequence[Row]) -> float:
    start: float = rows[0]["divergence_start"] - rows[0]["divergence_floor"]
    return max(start, 0.0)


def _ratio(rows: Sequence[Row]) -> float:
    pairs = zip(_above_floor(rows, "delta"), _above_floor(rows, "bound"), strict=True)
    # with a bound of 0 no attack is better than none, a ratio of 1
    return float(np.mean([delta / bound if bound > 0 else 1.0 for delta, bound in pairs]))


def _mean(rows: Sequence[Row], name: str) -> float | None:
    """The mean over the rows that have a value; None without any."""
    known = [row[name] for row in rows if row.get(name) is not None]
    return float(np.mean(known)) if known else None


def _with_floor(value: Callable[[Sequence[Row]], float | None]) -> Compute:
    """The value, or None for a loss without a greatest lower bound."""
    return lambda rows, _: None if rows[0]["divergence_floor"] is None else value(rows)


def _geometric(name: str) -> Compute:
    """The geometric mean over the rows, above the loss's floor."""
    return _with_floor(lambda rows: shifted_geometric_mean(_above_floor(rows, name)))


def _of_attacks(name: str) -> Compute:
    return lambda rows, _: _mean(rows, name)


def _of_measured(name: str) -> Compute:
    return lambda _, measured: _mean(measured.rows, name)


def _nll_excess(_: Sequence[Row], measured: "PairMeasures") -> float | None:
    """The mean −log p(x_t|z*) over the levels, above the value for the target itself."""
    found = _mean(measured.rows, "nll_target")
    # rows measured before the floor existed have none
    floor = _mean(measured.rows, "nll_target_floor")
    return None if found is None or floor is None else found - floor


def _unconverged(rows: Sequence[Row], _: "PairMeasures") -> float:
    # rows stored before `status_attack` existed have only `status`
    ended = [row.get("status_attack") or row["status"] for row in rows]
    return float(np.mean([status == _EXHAUSTED for status in ended]))


ATTACK_OBJECTIVE = (
    _measure(
        name="divergence_ratio",
        symbol="r / r₀",
        better="↑",
        formula=r"\overline{(r-c)/(r_0-c)}",
        definition="Divergence from the target's posterior left after the attack, as a share of "
        "the clean one, mean over λ.",
        compute=_with_floor(lambda rows: _mean(rows, "divergence_ratio")),
    ),
    _measure(
        name="delta_over_bound",
        symbol="Δ / bound",
        better="↑",
        formula=r"\overline{(\Delta-c)/(B-c)}",
        definition="The attack's objective Δ = r + λ‖d‖ over the trivial bound, both above the "
        "loss's floor c: 1 is no better than no attack or the target itself.",
        compute=_with_floor(_ratio),
    ),
    _above_c(
        name="delta",
        symbol="Δ",
        formula=r"\exp\overline{\log(\Delta-c)}",
        definition="Geometric mean over λ and pairs of Δ = r + λ‖d‖ above the loss's floor c, "
        "which is 0 for a KL; nats for the KL and output losses.",
        compute=_geometric("delta"),
    ),
    _above_c(
        name="divergence",
        symbol="r",
        formula=r"\exp\overline{\log(r-c+s)}-s,\ s=10^{-3}(r_0-c)",
        definition="Geometric mean over λ of the divergence left after the attack, above c, "
        "shifted by 10⁻³(r₀ − c).",
        compute=_with_floor(
            lambda rows: shifted_geometric_mean(
                _above_floor(rows, "divergence"), _SHIFT * _start(rows)
            )
        ),
    ),
    _above_c(
        name="bound",
        symbol="bound B",
        formula=r"\exp\overline{\log(B-c)}",
        definition="Geometric mean of the trivial bound B(λ), above c.",
        compute=_geometric("bound"),
    ),
    _measure(
        name="delta_mean",
        symbol="mean Δ",
        unit="of the loss",
        formula=r"\overline{\Delta}",
        definition="The plain mean of Δ as published; r₀ and the images' distance dominate it.",
        compute=_of_attacks("delta"),
    ),
    _measure(
        name="bound_mean",
        symbol="mean B",
        unit="of the loss",
        formula=r"\overline{B}",
        definition="The plain mean of B, for comparison with mean Δ.",
        compute=_of_attacks("bound"),
    ),
    _above_c(
        name="divergence_start",
        symbol="r₀",
        formula="r_0-c",
        definition="The loss before the attack, above c: for latent losses the divergence between "
        "the clean posteriors of input and target.",
        compute=_with_floor(_start),
    ),
    _measure(
        name="nll_target",
        symbol="−log p(xₜ|z*)",
        unit="nats",
        better="↑",
        formula=r"-\overline{\log p(x_t\mid z^*)},\ z^*\sim q(z\mid x^*)",
        definition="Negative log-likelihood of the target under latents of the adversarial input.",
        needs=frozenset({"likelihood"}),
        compute=_of_measured("nll_target"),
    ),
    _measure(
        name="nll_excess",
        symbol="log p(xₜ|zₜ) − log p(xₜ|z*)",
        unit="nats",
        better="↑",
        formula=r"\overline{\log p(x_t\mid z_t)-\log p(x_t\mid z^*)},\ z_t\sim q(z\mid x_t)",
        definition="The same above its floor, the value under latents of the target itself, which "
        "rises where reconstruction gets worse.",
        needs=frozenset({"likelihood"}),
        compute=_nll_excess,
    ),
    _measure(
        name="target_error",
        symbol="‖rec(x*) − xₜ‖",
        unit="image distance",
        better="↑",
        formula=r"\overline{\lVert\mathrm{rec}(x^*)-x_t\rVert}",
        definition="Distance from the adversarial reconstruction to the target image.",
        compute=_of_measured("target_error"),
    ),
    _measure(
        name="distance_relative",
        symbol="‖d‖ / ‖xₜ − x‖",
        formula=r"\overline{\lVert d\rVert}/\lVert x_t-x\rVert",
        definition="Size of the distortion relative to the images' difference, mean over λ.",
        compute=_of_measured("distance_relative"),
    ),
    _measure(
        name="distance",
        symbol="‖d‖",
        unit="image distance",
        formula=r"\overline{\lVert d\rVert}",
        definition="Size of the distortion, mean over λ.",
        compute=_of_attacks("distance"),
    ),
    _measure(
        name="unconverged_share",
        symbol="stopped early",
        unit="share of rows",
        better="↓",
        formula=r"\overline{[\text{evaluation limit}]}",
        definition="Share of attacks that ended at the evaluation limit.",
        compute=_unconverged,
    ),
)
"""In the order of a report."""
