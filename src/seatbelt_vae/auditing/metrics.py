"""The metrics of an audit: names, units, definitions, and the models that have them."""

from dataclasses import dataclass
from itertools import chain
from typing import Literal

from seatbelt_vae.auditing.threat_budgets import Threats, suffix_of

__all__ = ["METRICS", "NEEDS", "Metric", "metrics_by_name"]

NEEDS = {
    "codes": "the model gives no codes",
    "posterior": "the model has no posterior",
    "tokens": "the model is not vector-quantised",
    "images": "the inputs are not images",
    "classifier": "no classifier is given",
    "score": "no score is given",
}
"""Requirements of metrics, and the reason why a metric is missing where one is not met."""


@dataclass(frozen=True)
class Metric:
    """A metric of an audit.

    Args:
        name: its name without a budget.
        better: which direction is better for the owner of the model; empty for neither.
        definition: one phrase.
        unit: empty for a pure number.
        needs: keys of `NEEDS`.
        at: the budgets it is measured at: ``all``, the ``middle`` one of the first threat, the
            ``middles`` of all threats, or ``none``.
    """

    name: str
    better: Literal["higher", "lower", ""]
    definition: str
    unit: str = ""
    needs: tuple[str, ...] = ()
    at: Literal["all", "middle", "middles", "none"] = "all"


METRICS = (
    Metric("gap", "higher", "‖rec(x*) − rec(x_t)‖ / ‖rec(x) − rec(x_t)‖"),
    Metric("code_gap", "higher", "‖z* − z_t‖ / ‖z − z_t‖ of the mean codes", needs=("codes",)),
    Metric("damage", "lower", "‖rec(x*) − rec(x)‖ / the largest ‖x* − x‖₂ within the budget"),
    Metric("psnr_input", "", "PSNR of x* against x", "dB", ("images",)),
    Metric("ssim_input", "", "SSIM of x* against x", needs=("images",)),
    Metric("psnr_output", "higher", "PSNR of rec(x*) against rec(x)", "dB", ("images",)),
    Metric("ssim_output", "higher", "SSIM of rec(x*) against rec(x)", needs=("images",)),
    Metric("code_shift", "lower", "‖(z* − z) / σ‖ / √d", "posterior σ", ("posterior",)),
    Metric("tokens_changed", "lower", "share of tokens that differ", needs=("tokens",)),
    Metric("universal_damage", "lower", "damage of one distortion for many images", at="middles"),
    Metric(
        "survival_jpeg",
        "lower",
        "share of the way to the target that x* keeps after JPEG of quality 75",
        needs=("images",),
        at="middle",
    ),
    Metric(
        "survival_resize",
        "lower",
        "share of the way that x* keeps at half the size and back",
        needs=("images",),
        at="middle",
    ),
    Metric("survival_noise", "lower", "share that x* keeps with noise of 0.05", at="middle"),
    Metric("accuracy", "higher", "accuracy of the classifier under attack", "", ("classifier",)),
    Metric(
        "score_distance",
        "higher",
        "smallest ‖d‖₂ that moves the score across the threshold",
        "‖x_t − x‖₂",
        ("score",),
        "none",
    ),
)
"""In the order of ``audit.json``."""


def metrics_by_name(threats: Threats) -> dict[str, Metric]:
    """The metrics of an audit under these threats, by full name.

    Example:
        >>> found = metrics_by_name({"l2": (0.1, 0.2), "linf": (8 / 255,)})
        >>> [name for name in found if name.startswith("gap")]
        ['gap@0.1', 'gap@0.2', 'gap@8/255']
    """
    named = [[suffix_of(threat, b) for b in budgets] for threat, budgets in threats.items()]
    middles = [names[len(names) // 2] for names in named]
    suffixes = {"all": list(chain(*named)), "middle": middles[:1], "middles": middles}
    found = {}
    for metric in METRICS:
        if metric.at == "none":
            found[metric.name] = metric
        else:
            found |= {f"{metric.name}@{suffix}": metric for suffix in suffixes[metric.at]}
    return found
