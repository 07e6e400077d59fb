"""Settings of an audit: pairs, budgets, portfolio of losses, effort."""

from dataclasses import dataclass
from typing import Literal

from seatbelt_vae.config.checks import at_least, one_of, positive
from seatbelt_vae.config.loss_files import LOSSES
from seatbelt_vae.errors import ConfigError

__all__ = ["LEVELS", "AuditConfig", "scaled"]

LEVELS = 255
"""Levels of a pixel of 8 bits: L∞ budgets are counted in 1/255 of the range."""

_LARGEST_SD = 100


@dataclass(frozen=True)
class AuditConfig:
    """An audit: worst-case attacks within budgets over a portfolio of losses.

    Args:
        pairs: number of input-target pairs, drawn at random (default: 20, or as many as the images
            allow).
        budgets: L2 budgets ε: the distortion has ‖d‖₂ ≤ ε‖x_t−x‖₂.
        linf_budgets: L∞ budgets of images, in 1/255 of the range of a pixel.
        sd_budgets: L∞ budgets of vectors, in standard deviations of each feature.
        losses: losses of the portfolio (default: all that the model allows).
        effort: factor on the gradient evaluations, and so on the time, such as 2 or 0.5.
        minutes: the time that the attack should take; fewer pairs and, from eight pairs on, less
            effort are fitted into it, unless they are given (default: no limit).
        gradient_free: evaluations of a search without gradients per pair, 0 for none.
        classifier: function from reconstructions or codes to logits, as `package.module:name` or
            `file.py:name`; it is attacked through the model.
        classifier_reads: input of the classifier.
        score: function from inputs, or from a model and inputs, to one number per input, such as
            an anomaly score; it is moved across the threshold.
        threshold: threshold of the score.
        seed: seed of the pairs, the starts and the noise.
        threads: CPU threads per process (default: 1 with several processes).
    """

    pairs: int | None = None
    budgets: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.5)
    linf_budgets: tuple[float, ...] = (2, 4, 8, 16)
    sd_budgets: tuple[float, ...] = (0.1, 0.2, 0.5, 1.0)
    losses: tuple[str, ...] | None = None
    effort: float = 1
    minutes: float | None = None
    gradient_free: int = 200
    classifier: str | None = None
    classifier_reads: Literal["reconstruction", "codes"] = "reconstruction"
    score: str | None = None
    threshold: float | None = None
    seed: int = 0
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in ("pairs", "threads", "minutes"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))
        positive("effort", self.effort)
        for name in ("gradient_free", "seed"):
            at_least(name, getattr(self, name), 0)
        _check_ascending("budgets", self.budgets, 1)
        _check_ascending("linf_budgets", self.linf_budgets, LEVELS)
        _check_ascending("sd_budgets", self.sd_budgets, _LARGEST_SD)
        if not self.budgets and not (self.linf_budgets and self.sd_budgets):
            raise ConfigError("no budgets: give budgets, or linf_budgets and sd_budgets")
        for loss in self.losses or ():
            one_of("loss", loss, LOSSES)
        one_of("classifier_reads", self.classifier_reads, ("reconstruction", "codes"))
        if (self.score is None) != (self.threshold is None):
            raise ConfigError("score and threshold belong together: give both or none")


def _check_ascending(name: str, budgets: tuple[float, ...], most: float) -> None:
    for before, budget in zip((0.0, *budgets), budgets, strict=False):
        if not before < budget <= most:
            raise ConfigError(
                f"{name} {budgets}, expected numbers above 0 and at most {most:g}, ascending"
            )


def scaled(number: int, effort: float) -> int:
    """A number of evaluations times the effort, rounded; at least one of any.

    Example:
        >>> scaled(100, 0.4), scaled(1, 0.4), scaled(0, 2)
        (40, 1, 0)
    """
    return max(1, round(number * effort)) if number else 0
