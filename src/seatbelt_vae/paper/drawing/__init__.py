"""The paper's figures, drawn from rows of the results store: one file per kind of figure."""

from seatbelt_vae.paper.drawing.draw import draw
from seatbelt_vae.paper.drawing.sheet import Drawn, Table, TableCell

__all__ = ["Drawn", "Table", "TableCell", "draw"]
