"""A figure of an experiment, drawn from a results store and written as SVG."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seatbelt_vae.paper.drawing.accuracy_rates import draw_rates
from seatbelt_vae.paper.drawing.beta_curves import draw_curves
from seatbelt_vae.paper.drawing.clouds import draw_clouds
from seatbelt_vae.paper.drawing.densities import draw_densities
from seatbelt_vae.paper.drawing.frontier_charts import draw_frontier
from seatbelt_vae.paper.drawing.image_figures import draw_attacks, draw_reconstructions
from seatbelt_vae.paper.drawing.kept_images import RUNS, caption_of
from seatbelt_vae.paper.drawing.measure_scatter import draw_scatter
from seatbelt_vae.paper.drawing.probe_curves import draw_probes
from seatbelt_vae.paper.drawing.sheet import Drawn, Rows, Sheet
from seatbelt_vae.paper.experiment import Experiment
from seatbelt_vae.paper.figure_kinds import (
    ATTACK_IMAGES,
    CLOUDS,
    PROBES,
    RATES,
    Curves,
    Densities,
    Figure,
    Scatter,
)
from seatbelt_vae.paper.frontier import DefenceFigure
from seatbelt_vae.paper.quantities import STRENGTHS
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
    """Draw a figure of an experiment; a figure of attacks once per strength, with the same axes.

    The same rows give the same bytes. Without rows no file is written, and the caption says why. A
    figure of images without its run folders stays as it was drawn, see `kept_images`.

    Args:
        figure: the figure.
        experiment: the experiment it belongs to.
        store: a results store with the view ``members``.
        out: the folder of figures, with one subfolder per experiment.
        runs: the folder of run folders, which contain the images.

    Raises:
        ArtifactError: a run's images are corrupt, or ``out`` cannot be written.
    """
    strengths = STRENGTHS if figure.attacked else ("",)
    queries = {strength: figure.query(experiment.id, strength) for strength in strengths}
    rows = {strength: store.query(query).to_pylist() for strength, query in queries.items()}
    found = {strength: of for strength, of in rows.items() if of}
    if isinstance(figure, DefenceFigure):
        sheets = {key: draw_frontier(figure, experiment.id, of) for key, of in found.items()}
    else:
        sheets = dict(_sheets(figure, found, runs))
    drawn = []
    for strength, query in queries.items():
        sheet = sheets.get(strength, Sheet(None, _NO_ROWS))
        name = "-".join(filter(None, (figure.name, strength)))
        file, caption = _written(sheet, out / experiment.id / f"{name}.svg")
        about = (figure.name, figure.title, strength)
        drawn.append(Drawn(*about, file, query, len(rows[strength]), caption, sheet.table))
    return drawn


def _written(sheet: Sheet, file: Path) -> tuple[Path | None, str]:
    """Write a sheet; return the file, or None without one, and the caption."""
    caption = sheet.caption or _NOTHING
    if sheet.canvas is not None:
        kept = (caption, {RUNS: " ".join(sheet.runs)}) if sheet.runs else ()
        atomic_write(file, svg(sheet.canvas, f"{file.parent.name}-{file.stem}", *kept))
        return file, caption
    earlier = caption_of(file, sheet.runs) if sheet.runs else None
    return (None, caption) if earlier is None else (file, earlier)


def _sheets(figure: Figure, rows: Mapping[str, Rows], runs: Path) -> Mapping[str, Sheet]:
    """The sheets by strength."""
    if not rows:
        return {}
    match figure:
        case Curves():
            return draw_curves(figure, rows)
        case Scatter():
            return draw_scatter(figure, rows)
        case Densities():
            return {"": draw_densities(figure, rows[""])}
    match figure.name:
        case RATES.name:
            return draw_rates(rows)
        case PROBES.name:
            return {"": draw_probes(rows[""])}
        case CLOUDS.name:
            return {"": draw_clouds(rows[""])}
        case ATTACK_IMAGES.name:
            return draw_attacks(rows, runs)
        case _:
            return {"": draw_reconstructions(rows[""], runs)}
