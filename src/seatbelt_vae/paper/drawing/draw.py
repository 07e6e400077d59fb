"""A figure of an experiment, drawn from a results store and written as SVG."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seatbelt_vae.paper.drawing.clouds import draw_clouds
from seatbelt_vae.paper.drawing.curves import draw_curves
from seatbelt_vae.paper.drawing.densities import draw_densities
from seatbelt_vae.paper.drawing.drawn import Drawn, Rows, Sheet
from seatbelt_vae.paper.drawing.panels import draw_attacks, draw_reconstructions
from seatbelt_vae.paper.drawing.rates import draw_rates
from seatbelt_vae.paper.drawing.scatter import draw_scatter
from seatbelt_vae.paper.experiment import Experiment
from seatbelt_vae.paper.figures import (
    PROTOCOLS,
    Clouds,
    Curves,
    Densities,
    Figure,
    Panels,
    Rates,
    Scatter,
)
from seatbelt_vae.report.drawing.svg import svg
from seatbelt_vae.runs import atomic_write

if TYPE_CHECKING:
    from seatbelt_vae.results import Store

__all__ = ["draw"]

_NO_ROWS = "Nothing to draw: the query finds no rows."
_NOTHING = "Nothing to draw: the rows hold no numbers."


def draw(
    figure: Figure, experiment: Experiment, store: "Store", out: Path, runs: Path
) -> list[Drawn]:
    """Draw a figure of an experiment; one of attacks once per protocol, with the same axes.

    The same rows give the same bytes. Without rows nothing is written, and the caption says so.

    Args:
        figure: the figure.
        experiment: the experiment it belongs to.
        store: a results store with the view ``members``.
        out: folder of the files, in which each experiment has its own.
        runs: the folder of run folders, which hold the pictures.

    Raises:
        ArtifactError: a run's pictures are corrupt, or ``out`` cannot be written.
    """
    protocols = PROTOCOLS if figure.attacked else ("",)
    queries = {protocol: figure.query(experiment.id, protocol) for protocol in protocols}
    rows = {protocol: store.query(query).to_pylist() for protocol, query in queries.items()}
    sheets = _sheets(figure, {p: found for p, found in rows.items() if found}, runs)
    drawn = []
    for protocol, query in queries.items():
        sheet = sheets.get(protocol, Sheet(None, _NO_ROWS))
        file = None
        if sheet.canvas is not None:
            name = "-".join(filter(None, (figure.name, protocol)))
            file = out / experiment.id / f"{name}.svg"
            atomic_write(file, svg(sheet.canvas, f"{experiment.id}-{name}"))
        drawn.append(
            Drawn(
                name=figure.name,
                label=_label(figure),
                protocol=protocol,
                file=file,
                query=query,
                rows=len(rows[protocol]),
                caption=sheet.caption or _NOTHING,
                panels=sheet.panels,
                table=sheet.table,
            )
        )
    return drawn


def _sheets(figure: Figure, rows: Mapping[str, Rows], runs: Path) -> Mapping[str, Sheet]:
    """The sheets of the protocols that have rows."""
    if not rows:
        return {}
    match figure:
        case Curves():
            return draw_curves(figure, rows)
        case Scatter():
            return draw_scatter(figure, rows)
        case Rates():
            return draw_rates(rows)
        case Densities():
            return {"": draw_densities(figure, rows[""])}
        case Clouds():
            return {"": draw_clouds(rows[""])}
        case Panels(how="attacks"):
            return draw_attacks(rows, runs)
        case Panels():
            return {"": draw_reconstructions(rows[""], runs)}


def _label(figure: Figure) -> str:
    match figure:
        case Curves() | Densities():
            return figure.label
        case Scatter():
            return " against ".join(reversed(figure.labels))
        case Rates():
            return "right answers, clean and under attack"
        case Clouds():
            return "codes and reconstructions"
        case Panels(how="attacks"):
            return "one pair of images"
        case Panels():
            return "reconstructions"
