"""The answers in ``audit.json``: numbers about the model under attack, one class per answer."""

from dataclasses import dataclass
from typing import Literal, get_args

from seatbelt_vae.config.checks import one_of

__all__ = [
    "AuditedClass",
    "Classifier",
    "Compared",
    "Defence",
    "End",
    "KnownModel",
    "Lines",
    "Placement",
    "Result",
    "Score",
    "Survival",
    "Universal",
    "WeakInput",
]

SMALLEST_GAIN = 0.02
"""Smallest mean difference of gaps that is called better or worse."""

_OfFeatures = float | None | tuple[float | None, ...]
_OfRows = float | None | tuple[_OfFeatures, ...]
End = float | None | tuple[_OfRows, ...]
"""A bound of all values of an input, or nested bounds that broadcast to an input."""

Better = Literal["higher", "lower", ""]
Read = Literal["codes", "reconstructions"]


@dataclass(frozen=True)
class Lines:
    """Values of a metric to compare with.

    Args:
        identity: of the identity map, attacked within the same budget.
        blend: of the audited model at the point nearest to the target, without an optimiser.
        ppca: of probabilistic PCA fitted to the same images, attacked within the same budget.
        certified: a bound of the metric that no attack can pass; None without a certificate.
    """

    identity: float | None = None
    blend: float | None = None
    ppca: float | None = None
    certified: float | None = None


@dataclass(frozen=True)
class Result:
    """One metric, averaged over the pairs.

    Args:
        metric: its name with its budget, such as ``gap@0.2``.
        goal: the metric that the attack optimises, such as ``gap``.
        threat, epsilon: norm and budget; None for a metric without a budget.
        value: the mean; None if no pair defines it.
        low, high: its 95 % interval over pairs.
        unit: empty for a pure number.
        better: which direction is better for the owner of the model; empty for neither.
        pairs: number of pairs or images in the mean.
        lines: reference values.
        won_by: for each loss, the number of pairs in which its attack was the worst.
    """

    metric: str
    goal: str
    threat: str | None
    epsilon: float | None
    value: float | None
    low: float | None
    high: float | None
    unit: str
    better: Better
    pairs: int
    lines: Lines = Lines()
    won_by: dict[str, int] | None = None

    def __post_init__(self) -> None:
        one_of("direction", self.better, get_args(Better))


@dataclass(frozen=True)
class WeakInput:
    """One of the pairs with the smallest ``gap@0.2``.

    Args:
        pair: its number.
        input_index, target_index: positions of its images.
        label: the class of its input, if any.
        value: the gap.
        input_name, target_name: the names of the files of its images, if they are files.
    """

    pair: int
    input_index: int
    target_index: int
    label: str | None
    value: float | None
    input_name: str | None = None
    target_name: str | None = None

    @property
    def shown(self) -> tuple[str, str]:
        """Input and target by the names of their files, else by position."""
        return (
            self.input_name or str(self.input_index),
            self.target_name or str(self.target_index),
        )


@dataclass(frozen=True)
class AuditedClass:
    """The mean of ``gap@0.2`` over the inputs of one class."""

    label: str
    images: int
    value: float | None


@dataclass(frozen=True)
class Universal:
    """One distortion for many images: its metric, and the images it was fitted to and tested on."""

    metric: str
    fitted_on: int
    tested_on: int
    file: str | None


@dataclass(frozen=True)
class Survival:
    """A transformation of the adversarial image, and the metric with the share that survives it."""

    transformation: str
    metric: str


@dataclass(frozen=True)
class Classifier:
    """The owner's classifier, attacked through the autoencoder.

    Args:
        name: its reference.
        reads: ``codes`` or ``reconstructions``.
        clean_accuracy: accuracy without an attack.
        metrics: the metrics with its accuracy under attack.
    """

    name: str
    reads: Read
    clean_accuracy: float | None
    metrics: tuple[str, ...]

    def __post_init__(self) -> None:
        one_of("input of a classifier", self.reads, get_args(Read))


@dataclass(frozen=True)
class Score:
    """The owner's score: smallest distortions that move it across the threshold."""

    name: str
    threshold: float
    images: int
    crossed: int


@dataclass(frozen=True)
class KnownModel:
    """A model of the zoo, or a public model."""

    name: str
    unexplained_variance: float
    value: float


@dataclass(frozen=True)
class Placement:
    """The model among known models at equal unexplained variance.

    Args:
        metric: the metric that is compared.
        unexplained_variance: of the audited model.
        expected: value of the metric that the known models predict.
        z_score: (value − expected) / standard deviation of the known models around the prediction.
        models: the known models.
    """

    metric: str
    unexplained_variance: float
    expected: float | None
    z_score: float | None
    models: tuple[KnownModel, ...]


@dataclass(frozen=True)
class Compared:
    """A gap of a defended model, and of the model without its defence.

    Args:
        metric: its name with its budget.
        value: with the defence, whose noise the attacker knows.
        fresh: with noise that the attacker does not know; None without noise.
        undefended: without the defence.
    """

    metric: str
    value: float | None
    fresh: float | None
    undefended: float | None


@dataclass(frozen=True)
class Defence:
    """The defence at inference of the audited model.

    Args:
        name: the defence, such as ``averaging:8``.
        gaps: its gaps, one per budget.
        error, undefended_error: mean squared error per input, ‖rec(x) − x‖², with and without it.
        cost: duration of a reconstruction, over that of the undefended model.
    """

    name: str
    gaps: tuple[Compared, ...]
    error: float | None
    undefended_error: float | None
    cost: float | None

    @property
    def error_change(self) -> float | None:
        """The relative change of the error; None if one is unknown, or that without it is 0."""
        if self.error is None or not self.undefended_error:
            return None
        return self.error / self.undefended_error - 1

    @property
    def verdict(self) -> str:
        """Whether gaps are larger with the defence than without it."""
        known = [
            each.value - each.undefended
            for each in self.gaps
            if each.value is not None and each.undefended is not None
        ]
        gained = sum(known) / len(known) if known else 0.0
        if abs(gained) < SMALLEST_GAIN:
            return "no better than without a defence"
        return "better than without a defence" if gained > 0 else "worse than without a defence"
