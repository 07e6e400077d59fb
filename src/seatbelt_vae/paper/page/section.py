"""One experiment of the page: its figures and the flags of its attacks."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from seatbelt_vae.paper.drawing import Drawn, draw
from seatbelt_vae.paper.experiment import Experiment
from seatbelt_vae.paper.page.raised_flags import RaisedFlag, raised_flags

if TYPE_CHECKING:
    from seatbelt_vae.results import Store

__all__ = ["Section", "draw_section"]


@dataclass(frozen=True)
class Section:
    """The results of one experiment.

    Args:
        experiment: the experiment.
        drawn: its figures; both strengths of a figure follow each other.
        flags: validity flags raised on its attacks.
    """

    experiment: Experiment
    drawn: Sequence[Drawn]
    flags: Sequence[RaisedFlag] = ()

    @property
    def figures(self) -> list[list[Drawn]]:
        """The figures, each for one strength or two."""
        return [list(both) for _, both in groupby(self.drawn, key=lambda drawn: drawn.name)]

    @property
    def is_empty(self) -> bool:
        """Whether no figure has rows, as before the first attack."""
        return not any(drawn.rows for drawn in self.drawn)

    @property
    def meanings(self) -> dict[str, str]:
        """The meaning of each raised flag."""
        return {flag.name: flag.means for flag in self.flags}


def draw_section(experiment: Experiment, store: "Store", out: Path, runs: Path) -> Section:
    """Draw all figures of an experiment, and delete its earlier figures.

    Args:
        experiment: the experiment.
        store: a results store with the view ``members``.
        out: the folder of figures.
        runs: the folder of run folders, which contain the images.

    Raises:
        ArtifactError: a run's images are corrupt, or ``out`` cannot be written.
    """
    drawn = [d for figure in experiment.figures for d in draw(figure, experiment, store, out, runs)]
    for old in {*(out / experiment.id).glob("*.svg")} - {d.file for d in drawn}:
        old.unlink()
    return Section(experiment, drawn, tuple(raised_flags(experiment, store)))
