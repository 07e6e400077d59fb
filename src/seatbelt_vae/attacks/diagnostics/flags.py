"""Validity flags: why a number might not be believed, with what it means and what to do.

A result carries its flags wherever it is shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["FLAGS", "Flag", "Meaning", "suite_flags"]

_CONVERGED = 0.01
_CURVE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Meaning:
    """What a flag is about.

    Args:
        raised_if: the condition.
        means: what it says of the numbers.
        do: what to do about it.
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
        value: the figure it was judged by.
        detail: one sentence with the figure in words.
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
        "the same image gives two different posteriors on the mean path, or two losses on the "
        "attack's own path",
        "gradients and line searches see noise; a failed attack says nothing",
        "make the encoder deterministic (evaluation mode); attack on the `common` path",
    ),
    "model in training mode": Meaning(
        "a part of the model is in training mode",
        "BatchNorm or dropout make each image's posterior depend on the others",
        "call model.eval() before attacking",
    ),
    "gradient not usable": Meaning(
        "the loss's gradient beside the input is zero or not finite",
        "a gradient attack cannot start; the model may mask its gradient",
        "attack with another loss or a gradient-free method before calling it robust",
    ),
    "trivial bound exceeded": Meaning(
        "the attack's Δ is above B + 10⁻³·|B − c| + 2·10⁻⁷·(r₀ − c) for some row",
        "showing the input or the target itself is better: the row is a failed attack",
        "use strength `strong`, or more evaluations",
    ),
    "raw curve not a minimum's": Meaning(
        "the best of each row's own descents and starts (`delta_raw`) falls or is convex in λ "
        "somewhere, or rises in ε, by more than 10⁻³·r₀",
        "some descents ended away from the minimum; other rows' points repair the reported curve",
        "more restarts or evaluations, if `not converged` is raised as well",
    ),
    "not converged": Meaning(
        "twice the evaluations and restarts lower the mean of log(Δ + 10⁻³·r₀) by more than 0.01",
        "a stronger attack exists: the model is less robust than reported",
        "raise max_evaluations and restarts until the flag clears",
    ),
    "noise beats the attack": Meaning(
        "a random distortion of an attack's size is better than it by more than 1 % for some row",
        "the gradient misleads; the model may mask it",
        "attack with more restarts or another loss; read the reported Δ, which keeps what is best",
    ),
    "gradient-free search beats the attack": Meaning(
        "a search that uses values only betters an attack by more than 1 % for some row",
        "the gradient is masked, rounded off or noisy: the model hides how fragile it is",
        "raise gradient_free; do not call the model robust",
    ),
    "transfer beats the attack": Meaning(
        "images made for the sibling are better than the attack by more than 1 % for some row",
        "the model's own gradient leads nowhere, yet what fools its sibling fools it",
        "attack more siblings; do not call the model robust",
    ),
    "log-variance clamp active": Meaning(
        "latent units have a log-variance of −20 or 20 or beyond, where our models clamp it",
        "these units give no gradient, and their KL is cut off",
        "inspect the units; retrain with free bits or a smaller learning rate",
    ),
    "outside the bounds": Meaning(
        "an adversarial image has pixels outside the image bounds",
        "the image could not be shown to the model",
        "report it: the optimiser keeps the box exactly",
    ),
    "paths differ": Meaning(
        "the gap on sampled paths is off the mean path's by more than 0.1 on average",
        "what fools the mean path does not fool a sampled code, or the other way round",
        "attack on the `common` path, and read `gap_sampled`",
    ),
    "pairs not told apart": Meaning(
        "the clean reconstructions of some pair differ by less than 0.2·‖x_t − x‖",
        "the model ignores what tells the images apart; such pairs are left out of gaps",
        "look at the reconstruction error: a collapsed model is not a robust one",
    ),
}


_CONTROLS = {
    "noise beats the attack": "noise_beats",
    "gradient-free search beats the attack": "gradient_free_beats",
    "transfer beats the attack": "transfer_beats",
}
_NOT_CHECKED = "not checked under these settings"


def suite_flags(pairs: Iterable[Sequence[Mapping[str, Any]]]) -> list[Flag]:
    """The flags of a suite, judged from its stored rows, pair after pair."""
    facts = [_of_pair(rows) for rows in pairs]
    rows = sum(pair["rows"] for pair in facts)

    def any_pair(name: str, broken: str) -> Flag:
        count = sum(pair[broken] for pair in facts)
        return Flag(name, count > 0, count / len(facts), f"{count} of {len(facts)} pairs")

    def any_row(name: str, column: str) -> Flag:
        counts = [pair[column] for pair in facts if pair[column] is not None]
        if not counts:
            return Flag(name, False, 0.0, _NOT_CHECKED)
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
        *(any_row(name, column) for name, column in _CONTROLS.items()),
        Flag("log-variance clamp active", clamped > 0, clamped, f"{clamped} units of an image"),
        any_row("outside the bounds", "outside_bounds"),
    ]


def _of_pair(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the flags need of a pair's rows; counts of rows, None where a thing was not tried."""
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
        **{column: count(column) for column in counted},
    }


def _convergence(falls: Sequence[float | None]) -> Flag:
    known = [fall for fall in falls if fall is not None]
    if not known:
        return Flag("not converged", False, 0.0, _NOT_CHECKED)
    fall = sum(known) / len(known)
    detail = f"doubling the effort lowers the mean log Δ by {fall:.3g}"
    return Flag("not converged", fall > _CONVERGED, fall, detail)
