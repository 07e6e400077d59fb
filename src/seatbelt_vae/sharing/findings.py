"""The results on a model card, as tables with one row per measure or flag."""

from typing import Any

from seatbelt_vae.attacks import Meaning
from seatbelt_vae.data import DATA_SETS
from seatbelt_vae.models.card import CardTable
from seatbelt_vae.report import Run, summary_rows
from seatbelt_vae.report.tables import FlagTable, Table, flag_tables, tables
from seatbelt_vae.sharing.model_index import evaluations_of

__all__ = ["findings"]

_MEASURED = ("measure", "value", "95 % interval", "unit", "better")
_FLAGGED = ("flag", "state", "figure", "raised if", "it means", "do")


def findings(run: Run) -> dict[str, Any]:
    """Arguments of `model_card` about the measurements of a run; each may be missing."""
    measured = [shown for table in tables([run]) for shown in _by_measure(table)]
    audits = [] if run.audit is None else [run.audit]
    return {
        "data": _about_data(run.data.name),
        "findings": [*_in_short(run), *(f"Audit: {audit.verdict.sentence}" for audit in audits)],
        "evaluations": [found for audit in audits for found in evaluations_of(audit)],
        "measures": measured,
        "flags": [_by_flag(table) for table in flag_tables([run])],
    }


def _in_short(run: Run) -> list[str]:
    (row,) = summary_rows([run])
    if row["verdict"] == "unknown":
        return [f"Robustness is unknown: {row['sentence']}."]
    pairs = f"{row['pairs']} pairs of held-out images, suite {row['suite']}"
    return [
        f"{row['verdict'].capitalize()}: {row['sentence']}.",
        f"Measured on {pairs}. Reliability, by the validity flags: {row['trust']['text']}.",
    ]


def _about_data(name: str) -> list[str]:
    source = DATA_SETS.get(name)
    if source is None:
        return ["This version has no description of the data set."]
    return [f"{source.summary[:1].upper()}{source.summary[1:]}.", f"Licence: {source.licence}."]


def _by_measure(table: Table) -> list[CardTable]:
    """One table per suite, with the measures that have a value; no empty tables."""
    found = []
    for row in table.rows:
        rows = [
            (measure.symbol, cell.text, cell.note, measure.unit or "1", measure.better)
            for measure, cell in zip(table.measures, row.cells, strict=True)
            if cell.sort
        ]
        title = f"{table.title} ({row.suite})" if row.suite else table.title
        if rows:
            found.append(CardTable(title, _MEASURED, rows, table.definitions))
    return found


def _by_flag(table: FlagTable) -> CardTable:
    """Every flag of a suite: its state, and its meaning."""
    rows = []
    for flag in table.rows:
        (state,) = flag.states
        about = flag.meaning or Meaning("", "", "")
        shown = "not computed" if state is None else "RAISED" if state["raised"] else "clear"
        figure = "" if state is None else state["detail"]
        rows.append((flag.name, shown, figure, about.raised_if, about.means, about.do))
    return CardTable(f"Validity flags of {table.suite}", _FLAGGED, rows)
