"""The kinds of figures, each an SQL query on the results store and the labels of its plot.

A query returns the rows behind a figure, one per pair, image or model, and never a mean. Means and
intervals are computed from those rows, so that each drawn number can be traced to them.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seatbelt_vae.paper.quantities import (
    BLEND,
    COPY,
    EVALUATED_PAIRS,
    FIRST_ORDER,
    GAP,
    SUITE_PAIRS,
    TRIVIAL,
    Reference,
    attack_rows,
)

if TYPE_CHECKING:  # importing it would import torch
    from seatbelt_vae.evaluation.bootstrap import MeanKind

__all__ = [
    "ATTACK_IMAGES",
    "CLOUDS",
    "FIRST_ORDER_GAPS",
    "GAP_CURVES",
    "GAP_FIGURES",
    "PROBES",
    "RATES",
    "RECONSTRUCTIONS",
    "Curves",
    "Densities",
    "Figure",
    "FixedFigure",
    "Scatter",
    "delta_curves",
    "evaluation_curves",
]


class Figure:
    """One figure of an experiment; a kind of figure states the columns of its query.

    Attributes:
        name: name of the figure's file.
        label: the quantity shown, with its unit.
        source: the views with the rows, as joined with ``members`` and ``runs``.
        where: SQL condition on those rows.
        attacked: whether it depends on attacks; it is then drawn for both strengths.
    """

    name: str
    label: str
    source: str
    where: str
    attacked: bool

    @property
    def title(self) -> str:
        """The heading of the figure."""
        return self.label

    def columns(self) -> str:
        """The columns of a row after ``panel, series``, in SQL."""
        raise NotImplementedError

    def query(self, experiment: str, strength: str = "") -> str:
        """The rows of the figure in an experiment, in SQL.

        Args:
            experiment: name of the experiment.
            strength: strength of the attacks (default: any).
        """
        conditions = [f"experiment = '{experiment}'"]
        if strength:
            conditions.append(f"strength = '{strength}'")
        if self.where != "TRUE":
            conditions.append(self.where)
        if strength and "suites" in self.source and "vary" not in self.where:
            conditions.append("vary IS NULL")  # a suite with ``vary`` attacks other pairs
        return (
            f"SELECT data AS panel, series, {self.columns()}\n"
            f"FROM members JOIN runs USING (run) JOIN {self.source}\n"
            f"WHERE {' AND '.join(conditions)}\n"
            f"ORDER BY ALL"
        )


@dataclass(frozen=True)
class Curves(Figure):
    """A measure against β: one line per series and one panel per data set.

    Args:
        name, label, source, where, attacked: see `Figure`; ``label`` is that of the y axis.
        value: the measure, an SQL expression over ``source``; null where a model has none.
        kind: the mean over pairs.
        logarithmic: whether the y axis is logarithmic.
        item: the unit within a training (default: pairs if attacked, otherwise none).
        published: path of the published numbers in ``published.json``.
        references: values that the measure is compared with.
    """

    name: str
    value: str
    label: str
    source: str = SUITE_PAIRS
    where: str = attack_rows()
    kind: "MeanKind" = "arithmetic"
    logarithmic: bool = False
    attacked: bool = True
    item: str = ""
    published: str = ""
    references: tuple[Reference, ...] = ()

    @property
    def unit(self) -> str:
        """The unit within a training; empty if a training has one number."""
        return self.item or ("pair" if self.attacked else "")

    def columns(self) -> str:
        """The columns ``x, size, seed, run, item, value, reference_0, …``."""
        size = "CAST(latent_sizes AS VARCHAR) AS size"
        item = f"{self.unit or 'NULL'} AS item"
        columns = [f"beta AS x, {size}, runs.seed, run, {item}, {self.value} AS value"]
        columns += [f"{ref.value} AS reference_{k}" for k, ref in enumerate(self.references)]
        return ", ".join(columns)


GAP_CURVES = Curves("gap", GAP, "gap within ε = 0.2", references=(BLEND, COPY))
"""The gap under the most damaging of all attacks."""


def delta_curves(name: str, label: str, where: str = attack_rows(), published: str = "") -> Curves:
    """Curves of the mean Δ over λ, next to the trivial bound."""
    return Curves(
        name,
        "delta_mean",
        label,
        where=where,
        logarithmic=True,
        published=published,
        references=(TRIVIAL,),
    )


def evaluation_curves(column: str, label: str, published: str) -> Curves:
    """Curves of a measure of models, one number per training, from the view ``evaluations``."""
    source = "evaluations USING (run)"
    return Curves(column, column, label, source, "TRUE", attacked=False, published=published)


@dataclass(frozen=True)
class Densities(Figure):
    """The density of a measure of single images: one curve per series and β.

    Args:
        name, label, source, where, attacked: see `Figure`; ``label`` is that of the x axis.
        value: the measure, an SQL expression over ``source``.
        panel: SQL of the quantity that distinguishes the panels of a data set.
    """

    name: str
    value: str
    label: str
    source: str
    panel: str = "''"
    where: str = "TRUE"
    attacked: bool = False

    def columns(self) -> str:
        """The columns ``by, row, seed, run, value``."""
        return f"beta AS by, {self.panel} AS row, runs.seed, run, {self.value} AS value"


@dataclass(frozen=True)
class Scatter(Figure):
    """One measure of a model against another: one point per model.

    Args:
        name, label, source, where, attacked: see `Figure`; ``label`` is that of the y axis.
        x, y: the measures, SQL expressions over ``source``, averaged over pairs.
        x_label: label of the x axis.
        logarithmic: whether the y axis is logarithmic.
        equality: name of the line y = x in the legend; empty for none.
    """

    name: str
    x: str
    y: str
    x_label: str
    label: str
    source: str = EVALUATED_PAIRS
    where: str = attack_rows()
    logarithmic: bool = False
    attacked: bool = True
    equality: str = ""

    @property
    def title(self) -> str:
        """Both labels."""
        return f"{self.label} against {self.x_label}"

    def columns(self) -> str:
        """The columns ``beta, top_size, seed, run, item, x, y``."""
        return f"beta, top_size, runs.seed, run, pair AS item, {self.x} AS x, {self.y} AS y"


FIRST_ORDER_GAPS = Scatter(
    "first_order",
    FIRST_ORDER,
    GAP,
    "gap of the encoder to first order",
    "gap within ε = 0.2, any attack",
    source=SUITE_PAIRS,
    equality="a linear encoder",
)
"""The gap against the one that a linear encoder with the same Jacobian would have."""

GAP_FIGURES = (replace(GAP_CURVES, label=FIRST_ORDER_GAPS.label), FIRST_ORDER_GAPS)
"""Both figures of the gap, for experiments with several attacks."""


@dataclass(frozen=True)
class FixedFigure(Figure):
    """A figure that no setting changes, except its condition.

    Args:
        name, label, source, where, attacked: see `Figure`.
        selected: the columns of its rows.
    """

    name: str
    label: str
    source: str
    selected: str
    where: str = "TRUE"
    attacked: bool = False

    def columns(self) -> str:
        """The columns ``selected``."""
        return self.selected


RATES = FixedFigure(
    "accuracy",
    "accuracy, clean and under attack",
    "downstream USING (run)",
    "classifier, runs.seed, run, image AS item, (clean_prediction = label)::INT AS clean, "
    "(attacked_prediction = label)::INT AS attacked, distance_relative AS distance",
    attacked=True,
)
"""Accuracies, clean and under attack: one row per classifier and series."""

PROBES = FixedFigure(
    "probes",
    "accuracy of attacked probes",
    "probes USING (run)",
    "probe, epsilon AS x, runs.seed, run, image AS item, "
    "(attacked_prediction = label)::INT AS value",
)
"""Accuracies of probes within budgets: one panel per probe and one line per series."""

CLOUDS = FixedFigure(
    "codes",
    "codes and reconstructions",
    "codes USING (run)",
    "beta AS x, runs.seed, run, image AS item, angle, code, reconstruction, pixels",
)
"""Two-dimensional codes of points and their reconstructions: one column per model."""

ATTACK_IMAGES = FixedFigure(
    "attacks",
    "one pair of images",
    "attacks USING (run) JOIN (SELECT run, suite, vary FROM suites) USING (run, suite)",
    "beta AS x, depth, top_size, runs.seed, run, suite, pair AS item, level, delta, "
    "divergence_ratio, distance_relative, gap, told_apart",
    where=attack_rows(),
    attacked=True,
)
"""Images of attacks on one pair, one row per model."""

RECONSTRUCTIONS = FixedFigure(
    "reconstructions",
    "reconstructions",
    "evaluations USING (run)",
    "beta AS x, depth, top_size, runs.seed, run",
)
"""Clean images and their reconstructions, one row per model."""
