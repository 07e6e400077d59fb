"""One experiment of the page: its figures, drawn, and the flags of its attacks."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from seatbelt_vae.paper.drawing import Drawn, draw
from seatbelt_vae.paper.experiment import Experiment
from seatbelt_vae.paper.page.raised_flags import Raised, raised_flags

if TYPE_CHECKING:
    from seatbelt_vae.results import Store

__all__ = ["Section", "show"]


@dataclass(frozen=True)
class Section:
    """What the page says of one experiment.

    Args:
        experiment: which.
        drawn: its figures, those of both strengths one after the other.
        flags: raised on its attacks.
    """

    experiment: Experiment
    drawn: Sequence[Drawn]
    flags: Sequence[Raised] = ()

    @property
    def figures(self) -> list[list[Drawn]]:
        """The figures, each under one strength or two."""
        return [list(both) for _, both in groupby(self.drawn, key=lambda drawn: drawn.name)]

    @property
    def meanings(self) -> dict[str, str]:
        """What each raised flag says of the numbers."""
        return {flag.name: flag.means for flag in self.flags}


def show(experiment: Experiment, store: "Store", out: Path, runs: Path) -> Section:
    """Draw all figures of an experiment, and remove what an earlier version drew of it.

    Args:
        experiment: which.
        store: with the view ``members``.
        out: the folder of figures.
        runs: the folder of run folders, which hold the pictures.

    Raises:
        ArtifactError: a run's pictures are corrupt, or ``out`` cannot be written.
    """
    for old in (out / experiment.id).glob("*.svg"):
        old.unlink()
    drawn = [d for figure in experiment.figures for d in draw(figure, experiment, store, out, runs)]
    return Section(experiment, drawn, tuple(raised_flags(experiment, store)))
