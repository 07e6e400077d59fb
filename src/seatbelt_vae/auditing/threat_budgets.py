"""The threats of an audit: their budgets, units and the names of metrics within them."""

from collections.abc import Mapping
from typing import Literal

from seatbelt_vae.config.audit import LEVELS, AuditConfig

__all__ = ["NUMBERS", "UNITS", "Threats", "metric_name", "norm_of", "suffix_of", "threats_of"]

Threats = Mapping[str, tuple[float, ...]]
"""The budgets of each threat, ascending, in its unit."""

UNITS = {
    "l2": "‖x_t − x‖₂",
    "linf": "range of an input",
    "sd": "standard deviation of each feature, L∞",
}

NUMBERS = {"l2": 0, "linf": 1, "sd": 2}
"""Numbers of the threats in the keys of random streams."""


def threats_of(config: AuditConfig, shape: tuple[int, ...]) -> Threats:
    """The threats for inputs of a shape: L∞ budgets of vectors are in standard deviations."""
    linf = tuple(budget / LEVELS for budget in config.linf_budgets)
    second = ("sd", config.sd_budgets) if len(shape) == 1 else ("linf", linf)
    return {name: budgets for name, budgets in (("l2", config.budgets), second) if budgets}


def norm_of(threat: str) -> Literal["l2", "linf"]:
    """The norm that a threat limits."""
    return "l2" if threat == "l2" else "linf"


def suffix_of(threat: str, budget: float) -> str:
    """The budget in the name of a metric: ``0.2``, ``8/255`` or ``0.5sd``.

    Example:
        >>> suffix_of("l2", 0.2), suffix_of("linf", 8 / 255), suffix_of("sd", 0.5)
        ('0.2', '8/255', '0.5sd')
    """
    match threat:
        case "linf":
            return f"{budget * LEVELS:.6g}/{LEVELS}"
        case "sd":
            return f"{budget:g}sd"
    return f"{budget:g}"


def metric_name(name: str, threat: str, budget: float) -> str:
    """The full name of a metric, such as ``gap@0.2``."""
    return f"{name}@{suffix_of(threat, budget)}"
