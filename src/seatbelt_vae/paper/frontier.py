"""Figures of the frontier of defences, and the query that has the rows of all of them."""

from dataclasses import dataclass

from seatbelt_vae.paper.figure_kinds import Figure
from seatbelt_vae.paper.quantities import attack_rows

__all__ = ["LINEAR", "DefenceFigure", "Excess", "Frontier"]

LINEAR = "pPCA"
"""Start of the series of linear references, see the view ``linear``."""


_ORDER = "\nORDER BY ALL"


@dataclass(frozen=True, kw_only=True)
class DefenceFigure(Figure):
    """A figure of models under budgeted attacks; each has the rows of all measures.

    Args:
        name, label, source, where, attacked: see `Figure`.
        order: names of the series in the order of their numbers.
    """

    name: str
    label: str
    order: tuple[str, ...]
    attacked: bool = False  # under the strong attack only
    source: str = "budgets USING (run) JOIN suites USING (run, suite) JOIN evaluations USING (run)"
    where: str = f"strength = 'strong' AND threat = 'l2' AND {attack_rows('output-l2')}"

    def columns(self) -> str:
        """The columns ``seed, run, item, epsilon, gap, …``; a gap is null if undefined."""
        return (
            "runs.seed, run, pair AS item, epsilon, CASE WHEN told_apart THEN gap END AS gap, "
            "CASE WHEN told_apart THEN blend_gap END AS blend_gap, elbo, unexplained_variance, "
            "certified_gap, training_s"
        )

    def query(self, experiment: str, strength: str = "", panel: str = "", series: str = "") -> str:
        """The rows of the figure, or those of one of its points; those of pPCA come last.

        Args:
            experiment: name of the experiment.
            strength: strength of the attacks (default: strong).
            panel, series: the data set and the series of one point (default: all).
        """
        models = super().query(experiment, strength).removesuffix(_ORDER)
        if series and not series.startswith(LINEAR):
            return f"{models} AND data = '{panel}' AND series = '{series}'{_ORDER}"
        one = f"\nWHERE panel = '{panel}' AND series = '{series}'" if series else ""
        return (
            f"SELECT * FROM (\n{models}\nUNION ALL BY NAME\n"
            f"SELECT data AS panel, '{LINEAR}, ' || units || ' units' AS series, runs.seed, run, "
            "pair AS item, epsilon, gap, linear.elbo, linear.unexplained_variance\n"
            f"FROM linear JOIN runs USING (run)\n){one}{_ORDER}"
        )


@dataclass(frozen=True, kw_only=True)
class Excess(DefenceFigure):
    """The gap above that of a copy of the input, gap − (1 − ε), against ε."""


@dataclass(frozen=True, kw_only=True)
class Frontier(DefenceFigure):
    """The gap within a budget against the cost of a model: one point per series.

    Args:
        name, label, order: see `DefenceFigure`.
        measure: the column of the cost.
        x_label: label of the x axis.
        epsilon: the budget ε.
    """

    measure: str
    x_label: str
    epsilon: float

    @property
    def title(self) -> str:
        """Both labels."""
        return f"{self.label} against {self.x_label}"
