"""What can be drawn, said in words of the results store: every figure is a query and a way to draw.

A query answers with the rows that are drawn, one a pair, an image or a model, never a mean: means
and intervals are computed from those rows, so that each drawn number can be traced to them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:  # importing it would import torch
    from seatbelt_vae.evaluation.bootstrap import Kind

__all__ = [
    "AREA",
    "BLEND",
    "COPY",
    "GAP",
    "OWN_AREA",
    "OWN_GAP",
    "PROTOCOLS",
    "TRIVIAL",
    "Clouds",
    "Curves",
    "Densities",
    "Figure",
    "Panels",
    "Rates",
    "Reference",
    "Scatter",
]

PROTOCOLS = ("paper", "strong")
"""The published attack, and ours: what is drawn of attacks is drawn of both."""

GAP = 'CASE WHEN told_apart THEN "gap@0.2" END'
AREA = "CASE WHEN told_apart_distortion THEN auddc_worst END"
"""Gap and AUDDC of pairs that the model tells apart; of others they say nothing."""

OWN_GAP = 'CASE WHEN told_apart THEN "gap_of_rows@0.2" END'
OWN_AREA = "CASE WHEN told_apart_distortion THEN auddc END"
"""The same of a suite's own rows, where attacks are compared: budgeted attacks on the
reconstruction, which are made whatever a suite's loss is, would make all of them equal."""

_ATTACKED = "pairs USING (run) JOIN suites USING (run, suite)"


@dataclass(frozen=True)
class Reference:
    """What a measure is judged by, drawn thin beside it from the same rows.

    Args:
        label: what it is.
        value: an SQL expression over the figure's source.
        ceiling: whether a value above it is that of an attack that failed.
    """

    label: str
    value: str
    ceiling: bool = False


TRIVIAL = Reference("trivial bound B", "bound_mean", ceiling=True)
BLEND = Reference("blending with the target", 'CASE WHEN told_apart THEN "blend_gap@0.2" END')
COPY = Reference("1 − ε: copying the input", "0.8")


@dataclass(frozen=True)
class Curves:
    """A measure against β, a line a series and a panel a data set.

    Args:
        name: of the figure's file.
        value: what is drawn, an SQL expression over ``source``.
        label: of the axis, with its unit.
        source: the views whose rows are drawn, as they join ``members`` and ``runs``.
        where: which of those rows, in SQL.
        kind: the mean over pairs.
        logarithmic: whether the axis is.
        attacked: whether it is a measure of attacks: then it is drawn of both protocols.
        item: what a training has several of; by default its pairs if it is attacked, else nothing.
        published: where the published numbers are, a path in ``published.json``.
        references: what it is judged by.
    """

    name: str
    value: str
    label: str
    source: str = _ATTACKED
    where: str = "loss = 'latent-kl' AND layers = 'all'"
    kind: "Kind" = "arithmetic"
    logarithmic: bool = False
    attacked: bool = True
    item: str = ""
    published: str = ""
    references: tuple[Reference, ...] = ()

    def query(self, experiment: str, protocol: str = "") -> str:
        """Rows of ``panel, series, x, size, seed, run, item, value, reference_0, …``.

        A model that says nothing of an item has a row without a value, so that it is missed.
        """
        item = self.item or ("pair" if self.attacked else "NULL")
        size = "CAST(latent_sizes AS VARCHAR) AS size"
        columns = [f"beta AS x, {size}, runs.seed, run, {item} AS item, {self.value} AS value"]
        columns += [f"{one.value} AS reference_{k}" for k, one in enumerate(self.references)]
        return _select(", ".join(columns), self.source, experiment, self.where, protocol, "TRUE")


@dataclass(frozen=True)
class Densities:
    """How a measure of single images is distributed, a curve a series and β.

    Args:
        name: of the figure's file.
        value: what is distributed, an SQL expression over ``source``.
        label: of the axis, with its unit.
        source: the view whose rows they are, as it joins ``runs``.
        by: what, besides the series, has a curve of its own.
        panel: what, besides the data set, has a panel of its own.
        where: which rows.
    """

    name: str
    value: str
    label: str
    source: str
    by: str = "beta"
    panel: str = "''"
    where: str = "TRUE"
    attacked: ClassVar[bool] = False

    def query(self, experiment: str, protocol: str = "") -> str:
        """Rows of ``panel, series, by, row, seed, run, value``."""
        columns = f"{self.by} AS by, {self.panel} AS row, runs.seed, run, {self.value} AS value"
        return _select(columns, self.source, experiment, self.where, protocol, "TRUE")


@dataclass(frozen=True)
class Scatter:
    """One measure of a model against another, a point a model.

    Args:
        name: of the figure's file.
        x, y: the measures, SQL expressions over ``source``; they are averaged over pairs.
        labels: of the two axes.
        source: the views whose rows are averaged, as they join ``runs``.
        where: which rows.
        logarithmic: whether the axis of y is.
    """

    name: str
    x: str
    y: str
    labels: tuple[str, str]
    source: str
    where: str = "loss = 'latent-kl' AND layers = 'all'"
    logarithmic: bool = False
    attacked: ClassVar[bool] = True

    def query(self, experiment: str, protocol: str = "") -> str:
        """Rows of ``panel, series, beta, top_size, seed, run, item, x, y``."""
        columns = f"beta, top_size, runs.seed, run, pair AS item, {self.x} AS x, {self.y} AS y"
        return _select(columns, self.source, experiment, self.where, protocol, "TRUE")


@dataclass(frozen=True)
class Rates:
    """Shares of right answers, clean and under attack, a row a series and a column a classifier.

    Args:
        name: of the figure's file.
    """

    name: str
    attacked: ClassVar[bool] = True

    def query(self, experiment: str, protocol: str = "") -> str:
        """Rows of ``panel, series, classifier, seed, run, item, clean, attacked, distance``."""
        columns = (
            "classifier, runs.seed, run, image AS item, (clean_prediction = label)::INT AS clean, "
            "(attacked_prediction = label)::INT AS attacked, distance_relative AS distance"
        )
        return _select(columns, "downstream USING (run)", experiment, "TRUE", protocol, "TRUE")


@dataclass(frozen=True)
class Clouds:
    """Codes of images in the plane and what is reconstructed from them, a panel a model.

    Args:
        name: of the figure's file.
    """

    name: str
    attacked: ClassVar[bool] = False

    def query(self, experiment: str, protocol: str = "") -> str:
        """Rows of ``panel, series, x, run, angle, code, reconstruction, pixels``."""
        columns = "beta AS x, runs.seed, run, image AS item, angle, code, reconstruction, pixels"
        return _select(columns, "codes USING (run)", experiment, "TRUE", protocol, "TRUE")


@dataclass(frozen=True)
class Panels:
    """Pictures of a pair: input, distortion, adversarial image, target, and reconstructions.

    Args:
        name: of the figure's file.
        where: whose attacks.
        how: ``attacks`` of one pair, or clean ``reconstructions`` of a few images.
    """

    name: str
    where: str = "loss = 'latent-kl' AND layers = 'all'"
    how: Literal["attacks", "reconstructions"] = "attacks"

    @property
    def attacked(self) -> bool:
        """Whether it is drawn of both protocols."""
        return self.how == "attacks"

    def query(self, experiment: str, protocol: str = "") -> str:
        """Rows of ``panel, series, x, run, suite, item, level, delta, …``, one an attack."""
        model = "beta AS x, depth, top_size, runs.seed, run"
        if self.how == "reconstructions":
            source = "evaluations USING (run)"
            return _select(model, source, experiment, "TRUE", "", "TRUE")
        columns = (
            f"{model}, suite, pair AS item, level, delta, divergence_ratio, distance_relative, "
            f"gap, told_apart"
        )
        source = "attacks USING (run) JOIN (SELECT run, suite, vary FROM suites) USING (run, suite)"
        return _select(columns, source, experiment, self.where, protocol, "TRUE")


Figure = Curves | Densities | Scatter | Rates | Clouds | Panels


def _select(
    columns: str, source: str, experiment: str, where: str, protocol: str, more: str
) -> str:
    conditions = [f"experiment = '{experiment}'", where, more]
    if protocol:
        conditions.insert(1, f"strength = '{protocol}'")
    if protocol and "suites" in source and "vary" not in where:
        conditions.append("vary IS NULL")  # pairs that differ in one factor are another attack
    stated = " AND ".join(condition for condition in conditions if condition != "TRUE")
    return (
        f"SELECT data AS panel, series, {columns}\n"
        f"FROM members JOIN runs USING (run) JOIN {source}\n"
        f"WHERE {stated}\n"
        f"ORDER BY ALL"
    )
