"""The tables of a report, one column per declared measure; each cell has a text and a sort key."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seatbelt_vae.attacks import FLAGS, Meaning
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.evaluation.measures import Measure, ModelMeasure, PairMeasure, measures_by_group
from seatbelt_vae.report.collect import Evaluation, Run, Suite

__all__ = [
    "HEADLINE",
    "Cell",
    "FlagRow",
    "FlagTable",
    "Table",
    "TableRow",
    "cell",
    "flag_tables",
    "interval",
    "number",
    "tables",
]

Row = dict[str, Any]

HEADLINE = "gap@0.2"
"""The main measure of a report."""


@dataclass(frozen=True)
class Cell:
    """One value of a table; ``sort`` is its sort key, empty for a missing value."""

    text: str
    sort: str
    note: str = ""


@dataclass(frozen=True)
class TableRow:
    """The row of one model, or of one suite of a model."""

    model: str
    index: int
    suite: str
    cells: list[Cell]


@dataclass(frozen=True)
class Table:
    """One sortable table."""

    title: str
    measures: Sequence[Measure]
    definitions: list[tuple[str, str]]
    rows: list[TableRow]


@dataclass(frozen=True)
class FlagRow:
    """One flag: its meaning, its state per model (None: not computed), the models that raise it."""

    name: str
    meaning: Meaning | None
    states: list[Row | None]
    raised: list[str]


@dataclass(frozen=True)
class FlagTable:
    """The flags of one suite over the models that have it."""

    suite: str
    models: list[tuple[int, str]]
    rows: list[FlagRow]


def number(value: object) -> str:
    """A number as text: few digits, a true minus sign, thin spaces between thousands.

    Example:
        >>> number(0.28571), number(-88.04), number(12345.6), number(2.4e-6), number(None)
        ('0.286', '−88.0', '12\u202f346', '2.4e−06', '–')
    """
    if value is None:
        return "–"
    if not isinstance(value, int | float):
        return str(value)
    size = abs(value)
    if isinstance(value, int) or size >= 1000:
        text = f"{value:,.0f}" if size < 1e7 else f"{value:.3g}"
    elif size >= 0.0005 or size == 0:
        text = f"{value:.{3 if size < 1 else 2 if size < 10 else 1}f}"
    else:
        text = f"{value:.2g}"
    return text.replace(",", "\u202f").replace("-", "−")


def interval(low: float | None, high: float | None) -> str:
    """An interval as text; empty if an end is missing."""
    return "" if low is None or high is None else f"{number(low)} … {number(high)}"


def cell(value: Any, low: float | None = None, high: float | None = None, sign: str = "") -> Cell:
    """A cell of a number or text, with its interval as the note."""
    sort = repr(value) if isinstance(value, int | float) else str(value or "")
    return Cell(f"{sign}{number(value)}", sort, interval(low, high))


def tables(runs: Sequence[Run]) -> list[Table]:
    """One table per group of measures with a value, over all models and suites."""
    made = [_table(title, group, runs) for title, group in measures_by_group().items()]
    return [table for table in made if any(shown.sort for row in table.rows for shown in row.cells)]


def flag_tables(runs: Sequence[Run]) -> list[FlagTable]:
    """One table of flags per suite."""
    names = dict.fromkeys(name for run in runs for name in run.suites)
    return [_flag_table(name, runs) for name in names]


def _table(title: str, measures: Sequence[Measure], runs: Sequence[Run]) -> Table:
    """One row per model, or per suite of each model for measures of attacked pairs."""
    per_suite = isinstance(measures[0], PairMeasure)
    rows = []
    for index, run in enumerate(runs):
        suites: Sequence[Suite | None] = list(run.suites.values()) if per_suite else []
        for suite in suites or [None]:
            cells = [cell(*_value(measure, run, suite)) for measure in measures]
            rows.append(TableRow(run.name, index, suite.name if suite else "", cells))
    definitions = {measure.family or measure.symbol: measure.definition for measure in measures}
    return Table(title, measures, list(definitions.items()), rows)


def _value(measure: Measure, run: Run, suite: Suite | None) -> tuple[Any, Any, Any]:
    """Value, low and high; the value may be a text of several numbers, or None."""
    if isinstance(measure, ModelMeasure):
        return (_shown(measure, run.evaluation) if run.evaluation else None), None, None
    if suite is None or suite.measured is None:
        return None, None, None
    found = suite.measured.estimate(measure.name)
    return found["value"], found["low"], found["high"]


def _shown(measure: ModelMeasure, evaluation: Evaluation) -> Any:
    try:
        return measure.shown(evaluation.measures)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(
            f"{evaluation.folder}/measures.json: {measure.name} is "
            f"{str(evaluation.measures.get(measure.name))[:40]!r}, which cannot be shown "
            f"({type(error).__name__}: {error}): move it away and evaluate again"
        ) from None


def _flag_table(name: str, runs: Sequence[Run]) -> FlagTable:
    holders = [(index, run) for index, run in enumerate(runs) if name in run.suites]
    judged = [{flag["name"]: flag for flag in run.suites[name].flags or []} for _, run in holders]
    known = dict.fromkeys([*FLAGS, *(flag for flags in judged for flag in flags)])
    models = [(index, run.name) for index, run in holders]
    return FlagTable(name, models, [_flag_row(flag, judged, models) for flag in known])


def _flag_row(
    name: str, judged: Sequence[dict[str, Row]], models: Sequence[tuple[int, str]]
) -> FlagRow:
    states = [flags.get(name) for flags in judged]
    raised = [
        model for (_, model), state in zip(models, states, strict=True) if state and state["raised"]
    ]
    return FlagRow(name, FLAGS.get(name), states, raised)
