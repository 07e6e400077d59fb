"""The report of an audit as one HTML file, from the files of the audit alone."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from seatbelt_vae.auditing.advice import advice_on
from seatbelt_vae.auditing.audit_charts import CHARTED, THREATS, chart_of
from seatbelt_vae.auditing.audit_commands import elsewhere, lines, repeated
from seatbelt_vae.auditing.audit_panels import WeakPair, budgets_of, universal, weakest
from seatbelt_vae.auditing.audit_pictures import shrinks
from seatbelt_vae.auditing.audit_tables import ARROWS, loss_table, metric_tables
from seatbelt_vae.auditing.doubts import all_doubts, doubts_about
from seatbelt_vae.auditing.exit_codes import exit_code
from seatbelt_vae.auditing.metrics import METRICS
from seatbelt_vae.auditing.pair_store import pairs_together, stored_rows
from seatbelt_vae.auditing.stored_bounds import stored_bounds
from seatbelt_vae.report.tables import cell
from seatbelt_vae.report.templating import render_page
from seatbelt_vae.runs import atomic_write
from seatbelt_vae.runs.audit_document import AUDIT, Audit, read_audit

__all__ = ["REPORT", "write_audit_report"]

REPORT = "report.html"
"""Name of the report in the folder of an audit."""

Row = dict[str, Any]

_FILES = {
    AUDIT: "verdict, numbers, checks and flags",
    "rows": "one row per pair, norm, budget and loss",
    "worst": "worst case per pair, norm, budget and goal; images",
    "checks": "the checks of each attacked pair",
    "universal": "the universal distortions",
}


def write_audit_report(folder: Path, out: Path | None = None) -> Path:
    """Write the report from the files of an audit; the write is atomic and deterministic.

    An audit without an attack gets a report of its checks.

    Args:
        folder: the folder of the audit, which has ``audit.json``.
        out: path of the HTML file (default: ``report.html`` in the folder).

    Returns:
        The path of the report.

    Raises:
        ArtifactError: a file is missing or damaged, or the report cannot be written.
    """
    audit = read_audit(folder / AUDIT)
    page = render_page(
        "audit.html",
        _content(folder, audit),
        package="seatbelt_vae.auditing",
        filters={"lines": lines},
    )
    out = out or folder / REPORT
    atomic_write(out, page.encode(errors="replace"))  # names may be invalid Unicode
    return out


def _content(folder: Path, audit: Audit) -> dict[str, Any]:
    stored = audit.files.winners is not None and (folder / "worst").exists()
    worst = stored_rows(folder, "worst") if stored else []
    pairs, scales = weakest(folder, audit, worst)
    charted = [result for result in audit.results if result.metric.partition("@")[0] in CHARTED]
    return {
        "audit": audit,
        "bounds": None if audit.target.bounds is None else stored_bounds(audit.target),
        "attacked": bool(audit.results),
        "exit_code": int(exit_code(audit.verdict)),
        "pair_count": max((r.pairs for r in charted), default=0),
        "has_certificate": any(r.lines.certified is not None for r in charted),
        "has_intervals": any(r.low is not None for r in charted),
        "better": {metric.name: ARROWS[metric.better] for metric in METRICS},
        "cell": cell,
        "doubts": all_doubts(audit),
        "about": partial(doubts_about, audit),
        "threats": THREATS,
        "charts": _charts(audit, worst),
        "tables": metric_tables(audit),
        "budgets": budgets_of(audit),
        "pairs": pairs,
        "scales": scales,
        "shrunk": shrinks(audit.target.event_shape),
        "universal": universal(folder, audit) if audit.universal else [],
        "losses": loss_table(audit),
        "advice": advice_on(audit),
        "commands": _commands(audit, worst, pairs),
        "files": {n: text for n, text in _FILES.items() if n == AUDIT or (folder / n).exists()},
    }


def _charts(audit: Audit, worst: Sequence[Row]) -> list[tuple[str, str, str, Any]]:
    """Goal, title, norm and drawing of every chart."""
    names = [threat.name for threat in audit.threats]
    found = [(g, t, n, chart_of(audit, worst, g, n)) for g, t in CHARTED.items() for n in names]
    return [chart for chart in found if chart[-1] is not None]


def _commands(audit: Audit, worst: Sequence[Row], pairs: Sequence[WeakPair]) -> dict[str, Any]:
    """The commands that repeat the audit, and the first pairs up to each of the weakest.

    Pairs are attacked in groups. The rounding of one depends on its group, which is repeated whole.
    """
    if not audit.command:
        return {"whole": "", "anew": "", "pairs": {}}
    other = elsewhere(audit)
    count = 1 + max((row["pair"] for row in worst), default=0)
    group = pairs_together(audit.target.event_shape)
    ends = {weak.pair: min(count, (weak.pair // group + 1) * group) for weak in pairs}
    by_end: dict[int, list[int]] = {}
    for pair, end in sorted(ends.items()):
        by_end.setdefault(end, []).append(pair)
    return {
        "whole": audit.command,
        "anew": repeated(audit.command, **other) if other else "",
        "pairs": {
            end: (numbers, repeated(audit.command, pairs=end, **other))
            for end, numbers in by_end.items()
        },
    }
