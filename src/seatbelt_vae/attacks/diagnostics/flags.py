"""Validity flags: conditions under which a reported number may be wrong, and their remedies.

Reports and tables show the flags of a suite next to its numbers.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["FLAGS", "NOT_CHECKED", "Flag", "Meaning", "suite_flags"]

_CONVERGED = 0.02
_CURVE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Meaning:
    """The documentation of a flag.

    Args:
        raised_if: the condition.
        means: its consequence for the numbers.
        do: the remedy.
    """

    raised_if: str
    means: str
    do: str


@dataclass(frozen=True)
class Flag:
    """One flag of one suite.

    Args:
        name: a key of `FLAGS`.
        raised: whether the condition holds.
        value: the number that the condition compares.
        detail: one sentence with that number.
    """

    name: str
    raised: bool
    value: float
    detail: str

    def as_dict(self) -> dict[str, Any]:
        """The flag as plain data."""
        return asdict(self)


FLAGS = {
    "encoder not repeatable": Meaning(
        "the same image gives two different posteriors on the mean path, or two different losses "
        "on the attack's path",
        "gradients and line searches are noisy, so a failed attack proves nothing",
        "make the encoder deterministic (evaluation mode), or attack on the `common` path",
    ),
    "model in training mode": Meaning(
        "a part of the model was in training mode; only suites of older versions have this flag, "
        "since `attack` now refuses such a model",
        "BatchNorm or dropout make each image's posterior depend on the rest of the batch",
        "call model.eval() and attack again",
    ),
    "gradient not usable": Meaning(
        "the gradient of the loss near the input is zero or not finite",
        "a gradient attack cannot start; the model may mask its gradient",
        "attack with another loss or a gradient-free method before calling the model robust",
    ),
    "trivial bound exceeded": Meaning(
        "the attack's Δ is above B + 10⁻³·|B − c| + 2·10⁻⁷·(r₀ − c) in some row",
        "the input or the target itself has a smaller Δ: the row is a failed attack",
        "attack with `strong`, or with more evaluations",
    ),
    "raw curve not a minimum's": Meaning(
        "the smallest Δ of each row's own descents and starts (`delta_raw`) falls or is convex in "
        "λ somewhere, or rises in ε, by more than 10⁻³·r₀",
        "some descents did not reach the minimum; points of other rows repair the reported curve",
        "use more restarts or evaluations if `not converged` is raised as well",
    ),
    "not converged": Meaning(
        "descents from new starts lower log(Δ − c + 10⁻³(r₀ − c)) of some row by more than 0.02",
        "a stronger attack exists: the model is less robust than reported",
        "raise max_evaluations and restarts until the flag clears",
    ),
    "start point kept": Meaning(
        "x* of some row is a start point (the target, or a point between it and the input), or "
        "d = 0 where that is no strict local minimum",
        "no descent improved on a point that needs no attack: the row gives the trivial bound",
        "raise restarts and max_evaluations, or attack with another loss",
    ),
    "noise beats the attack": Meaning(
        "random noise of the attack's size has a Δ lower by more than 1 % in some row",
        "the gradient misleads the attack; the model may mask it",
        "use more restarts or another loss; the reported Δ is the smaller of both",
    ),
    "gradient-free search beats the attack": Meaning(
        "a search by values only finds a Δ lower by more than 1 % in some row",
        "the gradient is masked, quantised or noisy, which hides how fragile the model is",
        "raise gradient_free; do not call the model robust",
    ),
    "transfer beats the attack": Meaning(
        "adversarial images of the sibling, or attacks that know the model without its defence at "
        "inference, have a Δ lower by more than 1 % in some row",
        "the model's gradient misleads the attack, yet images made for another model fool it",
        "do not believe attacks on this model alone, and do not call it robust",
    ),
    "log-variance clamp active": Meaning(
        "latent units have a log-variance of −20 or below, or of 20 or above, where our models "
        "clamp it",
        "these units have no gradient, and their KL is cut off",
        "inspect the units; retrain with free bits or a smaller learning rate",
    ),
    "outside the bounds": Meaning(
        "an adversarial image has pixels outside the image bounds",
        "the image is not a valid input of the model",
        "report it as a bug: the optimiser keeps the bounds exactly",
    ),
    "paths differ": Meaning(
        "the gaps on the sampled and on the mean path differ by more than 0.1 on average",
        "an attack on the mean path may fail for a sampled code, or the reverse",
        "attack on the `common` path, and read `gap_sampled`",
    ),
    "gap not converged": Meaning(
        "budgeted attacks from new starts lower the gap of a pair at some ε by more than 0.03",
        "a smaller gap exists: the model is less robust than reported",
        "attack more pairs, and with more `restarts`, whose solutions are starts; compare models "
        "by differences well above that fall",
    ),
    "transfer lowers the gap": Meaning(
        "attacks that know the model without its defence at inference lower the gap of a pair at "
        "some ε by more than 0.03",
        "the defence masks its gradient, so attacks on the defended model alone overrate it",
        "read the gaps, which include these attacks; do not call the defence robust",
    ),
    "pairs not told apart": Meaning(
        "the clean reconstructions of some pair differ by less than 0.2·‖x_t − x‖",
        "the model reconstructs both images alike; gaps leave such pairs out",
        "look at the reconstruction error: a collapsed model is not a robust one",
    ),
}

_CONTROLS = {
    "noise beats the attack": "noise_beats",
    "gradient-free search beats the attack": "gradient_free_beats",
    "transfer beats the attack": "transfer_beats",
}
NOT_CHECKED = "not checked under these settings"


def suite_flags(pairs: Iterable[Sequence[Mapping[str, Any]]]) -> list[Flag]:
    """The flags of a suite, from the stored rows of each pair."""
    facts = [_pair_facts(rows) for rows in pairs]
    rows = sum(pair["rows"] for pair in facts)

    def any_pair(name: str, fact: str) -> Flag:
        count = sum(pair[fact] for pair in facts)
        return Flag(name, count > 0, count / len(facts), f"{count} of {len(facts)} pairs")

    def any_row(name: str, column: str) -> Flag:
        counts = [pair[column] for pair in facts if pair[column] is not None]
        if not counts:
            return Flag(name, False, 0.0, NOT_CHECKED)
        return Flag(name, sum(counts) > 0, sum(counts) / rows, f"{sum(counts)} of {rows} rows")

    sag = max(pair["raw_violation"] for pair in facts)
    clamped = max(pair["clamped_units"] for pair in facts)
    return [
        any_pair("encoder not repeatable", "not_repeatable"),
        any_pair("model in training mode", "training_mode"),
        any_pair("gradient not usable", "no_gradient"),
        any_row("trivial bound exceeded", "exceeds_bound"),
        Flag(
            "raw curve not a minimum's",
            sag > _CURVE_TOLERANCE,
            sag,
            f"largest violation {sag:.2g} of r₀ by the rows' own descents",
        ),
        _convergence([pair["unconverged"] for pair in facts]),
        any_row("start point kept", "start_point"),
        *(any_row(name, column) for name, column in _CONTROLS.items()),
        Flag("log-variance clamp active", clamped > 0, clamped, f"{clamped} units of an image"),
        any_row("outside the bounds", "outside_bounds"),
    ]


def _pair_facts(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Facts of one pair that flags are made from; counts are None where nothing was tried."""
    first = rows[0]

    def count(column: str) -> int | None:
        return None if first[column] is None else sum(row[column] for row in rows)

    counted = ("exceeds_bound", "outside_bounds", *_CONTROLS.values())
    return {
        "rows": len(rows),
        "not_repeatable": not first["repeatable"],
        "no_gradient": not first["gradient_usable"],
        **{name: first[name] for name in ("training_mode", "clamped_units", "unconverged")},
        "raw_violation": first["raw_violation"],
        "start_point": sum(row["status"] == "start point" for row in rows),
        **{column: count(column) for column in counted},
    }


def _convergence(falls: Sequence[float | None]) -> Flag:
    known = [fall for fall in falls if fall is not None]
    if not known:
        return Flag("not converged", False, 0.0, NOT_CHECKED)
    fall = max(known)
    detail = (
        f"new starts lower Δ of the worst pair's rows by up to {-100 * math.expm1(-fall):.2g} %"
    )
    return Flag("not converged", fall > _CONVERGED, fall, detail)
