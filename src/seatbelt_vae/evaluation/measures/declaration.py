"""Declarations of measures: name, appearance, documentation, storage and computation.

Nothing here imports PyTorch, so the results store reads the declarations quickly.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from seatbelt_vae.evaluation.bootstrap import MeanKind

if TYPE_CHECKING:
    from seatbelt_vae.config import EvaluationConfig
    from seatbelt_vae.data import ImageData
    from seatbelt_vae.evaluation.measure_input import MeasureInput
    from seatbelt_vae.evaluation.robustness import PairMeasures

__all__ = [
    "ABOUT_ATTACKS",
    "ABOUT_MODELS",
    "CAPABILITIES",
    "LATENT",
    "Column",
    "Measure",
    "ModelMeasure",
    "PairMeasure",
    "RowTable",
    "WithRows",
    "capabilities",
]

Row = dict[str, Any]

LATENT = frozenset({"posterior", "prior"})
"""Capabilities that the divergence of codes needs."""

CAPABILITIES = LATENT | {"likelihood"}
"""Distributions of a model that a measure may need: q(z|x), p(z) and p(x|z)."""

_OF_PAIRS = frozenset({"told_apart", "told_apart_distortion"})

ABOUT_ATTACKS = "How far an attack gets"
ABOUT_MODELS = "The models themselves"


def capabilities(model: object) -> frozenset[str]:
    """The distributions that a model has, among `CAPABILITIES`; all by default."""
    declared = getattr(model, "capabilities", None)
    return frozenset(name for name in CAPABILITIES if getattr(declared, name, True))


@dataclass(frozen=True)
class Column:
    """A column of the results store.

    Args:
        name: the column.
        type: its SQL type: VARCHAR, BOOLEAN, BIGINT, DOUBLE, BIGINT[], DOUBLE[] or DOUBLE[][].
        meaning: one phrase, in Markdown.
    """

    name: str
    type: str
    meaning: str


@dataclass(frozen=True)
class RowTable:
    """Rows that a measure stores with its value, in ``evaluation/<view>.parquet``.

    Args:
        view: the view of the results store, and the name of the file.
        row: the unit of a row, such as ``one row per test image``.
        columns: the columns of every row, without ``run``.
    """

    view: str
    row: str
    columns: tuple[Column, ...]


class WithRows(NamedTuple):
    """The entries of ``measures.json`` and the rows that one measure found."""

    values: Mapping[str, Any]
    rows: list[Row]


@dataclass(frozen=True, kw_only=True)
class Measure:
    r"""Facts about a measure that tables, columns and documents are made from.

    Args:
        name: key in ``summary.json`` or ``measures.json``, and column of the results store.
        symbol: head of its column in a report.
        formula: LaTeX, without dollar signs.
        definition: one sentence.
        unit: empty for a pure number.
        better: ``↑``, ``↓``, or empty where neither direction is better.
        family: name shared by measures of one definition, such as ``gap at ε``.
        needs: `CAPABILITIES` of the model, or columns of the pair that must be true:
            ``told_apart``, ``told_apart_distortion``.
        group: title of its table in a report; empty for none.
    """

    name: str
    symbol: str
    formula: str
    definition: str
    unit: str = ""
    better: Literal["↑", "↓", ""] = ""
    family: str = ""
    needs: frozenset[str] = frozenset()
    group: str = ""

    def unmet(self, model: object) -> list[str]:
        """The sorted needs that a model does not meet; with any of them the measure is left out.

        Example:
            >>> from types import SimpleNamespace
            >>> from seatbelt_vae.evaluation.measures import MODEL_MEASURES
            >>> from seatbelt_vae.protocol import Capabilities
            >>> quantiser = SimpleNamespace(capabilities=Capabilities(posterior=False, prior=False))
            >>> MODEL_MEASURES["elbo"].unmet(quantiser)
            ['posterior', 'prior']
        """
        return sorted((self.needs & CAPABILITIES) - capabilities(model))


@dataclass(frozen=True, kw_only=True)
class PairMeasure(Measure):
    """A measure of one attacked pair of images, averaged over the pairs of a suite.

    Args:
        compute: maps the pair's attack rows and its `PairMeasures` to a number; None if undefined.
        mean: the mean over pairs.
    """

    compute: "Callable[[Sequence[Row], PairMeasures], float | None]"
    mean: MeanKind = "arithmetic"
    group: str = ABOUT_ATTACKS

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its column in the view of pairs."""
        return (Column(self.name, "DOUBLE", self.definition),)

    def counts(self, pair: Row) -> bool:
        """Whether a pair meets the needs of the measure and so enters its mean."""
        return all(pair[need] for need in self.needs & _OF_PAIRS)


@dataclass(frozen=True, kw_only=True)
class ModelMeasure(Measure):
    """A measure of a model on held-out images.

    Args:
        compute: maps a `MeasureInput` to a number, to a mapping of entries of
            ``measures.json``, or to `WithRows`.
        stored: columns of the view of evaluations (default: ``name``, one number).
        table: the rows that it stores.
        optional: whether it is computed only if `EvaluationConfig` names it.
        check: raises if a data set does not meet the needs of the measure.
        show: maps ``measures.json`` to the value in a report (default: the entry ``name``).
    """

    compute: "Callable[[MeasureInput], float | Mapping[str, Any] | WithRows]"
    stored: tuple[Column, ...] | None = None
    table: RowTable | None = None
    optional: bool = False
    check: "Callable[[ImageData, EvaluationConfig], object] | None" = None
    show: Callable[[Mapping[str, Any]], Any] | None = None
    group: str = ABOUT_MODELS

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its columns in the view of evaluations."""
        if self.stored is None:
            return (Column(self.name, "DOUBLE", self.definition),)
        return self.stored

    def found(self, evaluated: "MeasureInput") -> WithRows:
        """The entries of ``measures.json`` and the rows of the table."""
        value = self.compute(evaluated)
        if isinstance(value, WithRows):
            return value
        return WithRows(value if isinstance(value, Mapping) else {self.name: value}, [])

    def shown(self, measures: Mapping[str, Any]) -> Any:
        """The value in a report: a number, a text of several numbers, or None without any."""
        return measures.get(self.name) if self.show is None else self.show(measures)
