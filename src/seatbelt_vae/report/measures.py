"""The measures a report shows: symbol, unit, which way is good, and what each means in words."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seatbelt_vae.evaluation.budgets import BUDGETS
from seatbelt_vae.report.collect import Run, Suite

__all__ = ["GROUPS", "HEADLINE", "Group", "Measure"]

Row = dict[str, Any]

HEADLINE = "gap@0.2"
"""The measure the report leads with."""


@dataclass(frozen=True)
class Measure:
    """One column of a table.

    Args:
        name: its key in ``summary.json`` or ``measures.json``.
        label: what heads the column.
        unit: empty for a pure number.
        better: ``↑``, ``↓``, or empty where neither is good in itself.
        definition: one sentence.
        family: what measures that share a definition are called together.
    """

    name: str
    label: str
    unit: str
    better: str
    definition: str
    family: str = ""

    def of(self, run: Run, suite: Suite | None) -> Row:
        """Value, low and high; a value may be several numbers in one text; None is not known."""
        if self.name in _EVALUATION:
            found = run.evaluation.measures if run.evaluation else None
            return _point(_EVALUATION[self.name](found) if found else None)
        if suite is None or suite.measured is None:
            return _point(None)
        return suite.measured.estimate(self.name)


@dataclass(frozen=True)
class Group:
    """Measures shown in one table.

    Args:
        title: of the table.
        per_suite: one row a suite (else one a model).
        measures: its columns.
    """

    title: str
    per_suite: bool
    measures: tuple[Measure, ...]

    @property
    def definitions(self) -> dict[str, str]:
        """What each measure, or family of measures, means."""
        return {measure.family or measure.label: measure.definition for measure in self.measures}


def _point(value: Any) -> Row:
    return {"value": value, "low": None, "high": None}


def _bracket(name: str) -> Callable[[Row], Any]:
    def read(found: Row) -> Any:
        ends = found.get(name)
        if ends is None or ends["lower"] == ends["upper"]:
            return None if ends is None else ends["lower"]
        return f"{ends['lower']:.3g} … {ends['upper']:.3g}"

    return read


_EVALUATION: dict[str, Callable[[Row], Any]] = {
    "elbo": lambda found: found["elbo"],
    "iwae": lambda found: found["iwae"],
    "log_likelihood": lambda found: found.get("log_likelihood"),
    "divergences": lambda found: sum(found["divergences"]) if "divergences" in found else None,
    "total_correlation": _bracket("total_correlation"),
    "mutual_information": _bracket("mutual_information"),
    "iou": lambda found: found["iou"],
    "unexplained_variance": lambda found: found["unexplained_variance"],
    "active_units": lambda found: " + ".join(map(str, found["active_units"])),
}

_FOOLING = Group(
    "How far an attack gets",
    True,
    (
        *(
            Measure(
                f"gap@{e:g}",
                f"gap at ε = {e:g}",
                "",
                "↑",
                "Smallest reconstruction gap ‖rec(x*) − rec(xₜ)‖ / ‖rec(x) − rec(xₜ)‖ found with a "
                "distortion of at most ε‖xₜ − x‖: 0 is fooled, 1 is unmoved. An upper bound: "
                "another attack may get further.",
                "gap at ε",
            )
            for e in BUDGETS
        ),
        Measure(
            "auddc_worst",
            "AUDDC, worst",
            "",
            "↑",
            "Area under the distortion-damage curve of the best attack within each distance: "
            "1 would be unmoved at any distance.",
        ),
        Measure(
            "auddc",
            "AUDDC",
            "",
            "↑",
            "The same area through the attacks as they are (Gondim-Ribeiro et al. 2018).",
        ),
        Measure(
            "reconstruction_error",
            "‖rec(xₜ) − xₜ‖ / ‖xₜ‖",
            "",
            "↓",
            "What the model misses of the target image without any attack.",
        ),
    ),
)

_BLEND = Group(
    "What plain blending does: the attack that needs no model",
    True,
    tuple(
        Measure(
            f"blend_gap@{e:g}",
            f"blend at ε = {e:g}",
            "",
            "↑",
            "Gap after moving the image the share ε of the way to the target, pixel by pixel. "
            "An attack must go below this to have found a weakness.",
            "blend at ε",
        )
        for e in BUDGETS
    ),
)

_OBJECTIVE = Group(
    "What the attack's own objective says",
    True,
    (
        Measure(
            "divergence_ratio",
            "r / r₀",
            "",
            "↑",
            "Divergence from the target's posterior left after the attack, as a share of the "
            "clean one, mean over λ.",
        ),
        Measure(
            "delta_over_bound",
            "Δ / bound",
            "",
            "↑",
            "The attack's objective Δ = r + λ‖d‖ over the trivial bound, both above the loss's "
            "floor c: 1 is no better than doing nothing or showing the target.",
        ),
        Measure(
            "delta",
            "Δ",
            "of the loss",
            "",
            "Geometric mean over λ and pairs of Δ = r + λ‖d‖ above the loss's floor c, which is 0 "
            "for a KL; nats for the KL and output losses.",
        ),
        Measure(
            "divergence",
            "r",
            "of the loss",
            "",
            "Geometric mean over λ of the divergence left after the attack, above c, shifted by "
            "10⁻³(r₀ − c).",
        ),
        Measure(
            "bound",
            "bound B",
            "of the loss",
            "",
            "Geometric mean of the trivial bound B(λ), above c.",
        ),
        Measure(
            "delta_mean",
            "mean Δ",
            "of the loss",
            "",
            "The plain mean of Δ as published; mostly reports r₀ and the images' distance.",
        ),
        Measure(
            "bound_mean", "mean B", "of the loss", "", "The plain mean of B, to read beside mean Δ."
        ),
        Measure(
            "divergence_start",
            "r₀",
            "of the loss",
            "",
            "The loss before the attack, above c: for latent losses the divergence between the "
            "clean posteriors of input and target.",
        ),
        Measure(
            "nll_target",
            "−log p(xₜ|z*)",
            "nats",
            "↑",
            "Negative log-likelihood of the target under latents of the adversarial input.",
        ),
        Measure(
            "target_error",
            "‖rec(x*) − xₜ‖",
            "image distance",
            "↑",
            "Distance from the adversarial reconstruction to the target image.",
        ),
        Measure(
            "distance_relative",
            "‖d‖ / ‖xₜ − x‖",
            "",
            "",
            "Size of the distortion against the images' difference, mean over λ.",
        ),
        Measure("distance", "‖d‖", "image distance", "", "Size of the distortion, mean over λ."),
        Measure(
            "unconverged_share",
            "stopped early",
            "share of rows",
            "↓",
            "Share of attacks that ended at the evaluation limit.",
        ),
    ),
)

_MODEL = Group(
    "The models themselves",
    False,
    (
        Measure(
            "elbo",
            "ELBO, β = 1",
            "nats per image",
            "↑",
            "Evidence lower bound on test images, without β and without free bits.",
        ),
        Measure("iwae", "IWAE", "nats per image", "↑", "The tighter importance-weighted bound."),
        Measure(
            "log_likelihood",
            "E log p(x|z)",
            "nats per image",
            "↑",
            "Expected log-likelihood of the image under its own latents.",
        ),
        Measure(
            "divergences",
            "KL to the prior",
            "nats per image",
            "",
            "Divergence of the posterior from the prior, summed over layers.",
        ),
        Measure(
            "total_correlation",
            "TC(zᴸ)",
            "nats",
            "↓",
            "Total correlation of the top layer's aggregate posterior; a bracket where it has "
            "no closed form.",
        ),
        Measure(
            "mutual_information",
            "I(x; zᴸ)",
            "nats",
            "",
            "Mutual information between images and the top layer, likewise; with several layers "
            "that of zᴸ with x and zᴸ⁻¹ together, which is no smaller.",
        ),
        Measure(
            "iou",
            "IoU",
            "",
            "↑",
            "Overlap of shape and reconstructed shape (intersection over union), binary images.",
        ),
        Measure(
            "unexplained_variance",
            "unexplained variance",
            "",
            "↓",
            "Share of the test images' variance that reconstructions miss.",
        ),
        Measure(
            "active_units",
            "active units",
            "per layer",
            "",
            "Latent units that carry information, bottom layer first.",
        ),
    ),
)

GROUPS = (_FOOLING, _BLEND, _OBJECTIVE, _MODEL)
"""The tables of a report, in order."""
