"""Measures of damage: how far an attack moves the reconstruction towards the target."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from seatbelt_vae.evaluation.measures.declaration import PairMeasure

if TYPE_CHECKING:
    from seatbelt_vae.evaluation.robustness import PairMeasures

__all__ = ["BUDGETS", "DAMAGE"]

BUDGETS = (0.05, 0.1, 0.2, 0.3, 0.5)
"""Budgets ε: distances from the input in units of the distance to the target image."""

_TINY = 2.0**-1022  # smallest normal float64: the ratio stays finite for a target of zeros

Compute = Callable[[Sequence[dict[str, Any]], "PairMeasures"], float | None]


def _at_budget(column: str, epsilon: float) -> Compute:
    def compute(_: Sequence[dict[str, Any]], measured: "PairMeasures") -> float | None:
        found = (row[column] for row in measured.budget_rows if row["epsilon"] == epsilon)
        return next(found, None)

    return compute


def _by_budget(column: str, words: str, **about: Any) -> tuple[PairMeasure, ...]:
    """One measure per budget, from a column of its rows; ``about`` is what they share."""
    return tuple(
        PairMeasure(
            name=f"{column}@{epsilon:g}",
            symbol=f"{words} at ε = {epsilon:g}",
            family=f"{words} at ε",
            better="↑",
            compute=_at_budget(column, epsilon),
            **about,
        )
        for epsilon in BUDGETS
    )


def _reconstruction_error(_: Sequence[dict[str, Any]], measured: "PairMeasures") -> float:
    norm = measured.pair.norm(measured.pair.target).item()
    return measured.pair.target_reconstruction_error / max(norm, _TINY)


_GAPS = _by_budget(
    "gap",
    "gap",
    formula=r"\min_{\lVert x^*-x\rVert\le\epsilon\lVert x_t-x\rVert}"
    r"\frac{\lVert\mathrm{rec}(x^*)-\mathrm{rec}(x_t)\rVert}"
    r"{\lVert\mathrm{rec}(x)-\mathrm{rec}(x_t)\rVert}",
    definition="Smallest reconstruction gap ‖rec(x*) − rec(xₜ)‖ / ‖rec(x) − rec(xₜ)‖ found "
    "with a distortion of at most ε‖xₜ − x‖: 0 is fooled, 1 is unmoved. It is an upper bound: "
    "another attack may find a smaller gap.",
    needs=frozenset({"told_apart"}),
)

_AREAS = (
    PairMeasure(
        name="auddc_worst",
        symbol="AUDDC, worst",
        better="↑",
        formula=r"\int_0^1 \min_{s\le t}\delta(s)\,\mathrm dt",
        definition="Area under the distortion-damage curve of the best attack within each "
        "distance: 1 would be unmoved at any distance.",
        needs=frozenset({"told_apart_distortion"}),
        compute=lambda _, measured: measured.area_worst.value if measured.area_worst else None,
    ),
    PairMeasure(
        name="auddc",
        symbol="AUDDC",
        better="↑",
        formula=r"\int_0^1 \delta(t)\,\mathrm dt",
        definition="The area under the curve of all attacks (Gondim-Ribeiro et al. 2018).",
        needs=frozenset({"told_apart_distortion"}),
        compute=lambda _, measured: measured.area.value if measured.area else None,
    ),
)

_ERROR = PairMeasure(
    name="reconstruction_error",
    symbol="‖rec(xₜ) − xₜ‖ / ‖xₜ‖",
    better="↓",
    formula=r"\lVert\mathrm{rec}(x_t)-x_t\rVert/\lVert x_t\rVert",
    definition="Relative reconstruction error of the target image, without any attack.",
    compute=_reconstruction_error,
)

_BLENDS = _by_budget(
    "blend_gap",
    "blend",
    formula=r"\frac{\lVert\mathrm{rec}(x+\epsilon(x_t-x))-\mathrm{rec}(x_t)\rVert}"
    r"{\lVert\mathrm{rec}(x)-\mathrm{rec}(x_t)\rVert}",
    definition="Gap of the blend x + ε(xₜ − x). An attack has found a weakness only if its gap "
    "is smaller.",
    needs=frozenset({"told_apart"}),
    group="Plain blending: the attack that needs no model",
)

_FIRST_ORDER = _by_budget(
    "first_order_gap",
    "first-order gap",
    formula=r"\frac{\lVert\mathrm{dec}(z_\epsilon)-\mathrm{rec}(x_t)\rVert}"
    r"{\lVert\mathrm{rec}(x)-\mathrm{rec}(x_t)\rVert},\ z_\epsilon=\mu(x)+Jd,\ "
    r"d=\arg\min_{\lVert d\rVert\le\epsilon\lVert x_t-x\rVert}"
    r"\lVert(\mu(x_t)-\mu(x)-Jd)/\sigma_t\rVert",
    definition="Gap of the code nearest to the target's that a distortion of at most "
    "ε‖xₜ − x‖ would reach if the encoder were linear. An attack does better by the encoder's "
    "curvature, or by aiming at the reconstruction; pixel bounds limit it.",
    needs=frozenset({"told_apart", "posterior"}),
    group="The encoder to first order",
)

DAMAGE = (*_GAPS, *_AREAS, _ERROR, *_BLENDS, *_FIRST_ORDER)
"""In the order of a report."""
