"""Accuracies of attacked probes against ε: one panel per data set and probe, and their table."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate
from seatbelt_vae.paper.drawing.captions import describe_estimates
from seatbelt_vae.paper.drawing.looks import looks
from seatbelt_vae.paper.drawing.sheet import Rows, Sheet, Table, TableCell
from seatbelt_vae.paper.run_matrix import run_matrices
from seatbelt_vae.report.drawing.axis import Axis
from seatbelt_vae.report.drawing.layout import panel_grid
from seatbelt_vae.report.drawing.marks import entry

__all__ = ["draw_probes"]

_PROBES = {
    "linear-codes": "linear, codes",
    "conv-reconstruction": "convolutional, reconstructions",
    "linear-codes-before": "linear of the codes before hardening",
}
_HEIGHT, _WIDTH, _DODGE = 2.2, 8.4, 0.003

_Curves = Mapping[str, Mapping[float, CrossedEstimate]]


def draw_probes(rows: Rows) -> Sheet:
    """The sheet of rows ``panel, probe, series, x, seed, run, item, value``."""
    known = [row | {"size": ""} for row in rows if row["value"] is not None]
    if not known:
        return Sheet(None, "")
    parts = sorted(
        {(row["panel"], row["probe"]) for row in known},
        key=lambda part: (part[0], list(_PROBES).index(part[1])),
    )
    curves = {
        part: _curves([row for row in known if (row["panel"], row["probe"]) == part])
        for part in parts
    }
    return Sheet(_draw(curves), _caption(curves), _table(curves))


def _curves(rows: Rows) -> _Curves:
    """The accuracy by series and ε, over trainings and images."""
    found: dict[str, dict[float, CrossedEstimate]] = {
        s: {} for s in looks(r["series"] for r in rows)
    }
    for (_, series, epsilon), matrix in sorted(run_matrices(list(rows)).items()):
        found[series][epsilon] = matrix.estimate()
    return found


def _draw(curves: Mapping[tuple[str, str], _Curves]) -> Figure:
    look = looks(series for of_part in curves.values() for series in of_part)
    budgets = sorted({e for of_part in curves.values() for c in of_part.values() for e in c})
    x = Axis("ε", -0.02, max(budgets) * 1.06, budgets, lambda e: f"{e:g}")
    axes = {f"{panel}: {_PROBES[probe]}": (x, Axis("", 0, 1.02)) for panel, probe in curves}
    entries = [entry(series, one, "line", "solid") for series, one in look.items()]
    canvas, charts = panel_grid(axes, _HEIGHT, "accuracy", entries, full_width=_WIDTH)
    for chart, of_part in zip(charts, curves.values(), strict=True):
        for place, (series, curve) in enumerate(of_part.items()):
            chart.crossed_means(curve, look[series], series, _DODGE * (place - len(of_part) / 2))
    return canvas


def _caption(curves: Mapping[tuple[str, str], _Curves]) -> str:
    found = [e for of_part in curves.values() for curve in of_part.values() for e in curve.values()]
    return (
        "Share of images with the right class without an attack and under attacks on the probe "
        "itself, through the model, within ε of the distance to an image of another class. "
        + describe_estimates(found, "image")
    )


def _table(curves: Mapping[tuple[str, str], _Curves]) -> Table:
    budgets = sorted({e for of_part in curves.values() for c in of_part.values() for e in c})
    rows = [
        (
            TableCell(series, f"{panel}: {_PROBES[probe]}"),
            *(_cell(curve.get(epsilon)) for epsilon in budgets),
        )
        for (panel, probe), of_part in curves.items()
        for series, curve in of_part.items()
    ]
    return Table(("model", *(f"ε = {e:g}" if e else "clean" for e in budgets)), tuple(rows))


def _cell(found: CrossedEstimate | None) -> TableCell:
    if found is None or found.value is None:
        return TableCell("–")
    if found.low is None or found.high is None:
        return TableCell(f"{found.value:.2f}")
    return TableCell(f"{found.value:.2f}", f"{max(found.low, 0):.2f} … {min(found.high, 1):.2f}")
