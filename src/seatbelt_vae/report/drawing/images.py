"""Images as pixels, PNG data URIs and rows of pictures; distortions are signed."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from seatbelt_vae.report.drawing import style
from seatbelt_vae.report.drawing.style import INK, MUTED

__all__ = [
    "AttackedPair",
    "Picture",
    "Pixels",
    "attack_figure",
    "picture_grid",
    "pixels",
    "png_uri",
    "side_by_side",
    "signed",
]

Pixels = NDArray[np.uint8]

_NEGATIVE, _POSITIVE = (40, 120, 205), (224, 92, 24)
_LEVELS = 127
_SHADES = 64
_TOP = 0.5  # inches


@dataclass(frozen=True)
class AttackedPair:
    """The images of one attack, each (C, H, W).

    Args:
        x, reconstruction: the input and rec(x).
        adversarial, its_reconstruction: x* and rec(x*).
        target: x_t.
        bounds: range of the pixels.
    """

    x: Tensor
    reconstruction: Tensor
    adversarial: Tensor
    its_reconstruction: Tensor
    target: Tensor
    bounds: tuple[float, float]

    @property
    def distortion(self) -> Tensor:
        """x* − x, mean over channels (1, H, W)."""
        return (self.adversarial - self.x).mean(0, keepdim=True)

    def pictures(self, scale: float) -> dict[str, Pixels]:
        """The six pictures by title, left to right; ``scale`` is the distortion at full colour."""
        return {
            "input": pixels(self.x, self.bounds),
            "reconstruction": pixels(self.reconstruction, self.bounds),
            "distortion": signed(self.distortion, scale),
            "adversarial\ninput": pixels(self.adversarial, self.bounds),
            "its\nreconstruction": pixels(self.its_reconstruction, self.bounds),
            "target": pixels(self.target, self.bounds),
        }


@dataclass(frozen=True)
class Picture:
    """A picture with a label on its left, and a note below the label in smaller type."""

    image: Pixels
    label: str = ""
    note: str = ""


def pixels(image: Tensor, bounds: tuple[float, float], shades: int = 256) -> Pixels:
    """An image (C, H, W), C = 1 or 3, as (H, W, C); values outside the bounds are clipped."""
    low, high = bounds
    share = np.clip((image.double().numpy() - low) / (high - low), 0, 1)
    share = np.round(share * (shades - 1)) / (shades - 1)
    found: Pixels = np.moveaxis(np.round(share * 255).astype(np.uint8), 0, -1)
    return found


def signed(distortion: Tensor, scale: float) -> Pixels:
    """A distortion (C, H, W), mean over channels, as RGBA (H, W, 4).

    Blue is darker, orange is brighter; the opacity is |x* − x| / ``scale``, clipped at 1.
    """
    share = distortion.double().mean(0).numpy() / max(scale, np.finfo(float).tiny)
    steps = np.round(np.clip(share, -1, 1) * _LEVELS)
    colours = np.where(steps[..., None] > 0, _POSITIVE, _NEGATIVE)
    opacity = np.round(255 * np.abs(steps) / _LEVELS)[..., None]
    found: Pixels = np.concatenate([colours, opacity], axis=-1).astype(np.uint8)
    return found


def side_by_side(images: Tensor, bounds: tuple[float, float], gutter: int = 0) -> Pixels:
    """Images (S, C, H, W) as one row in 64 shades, separated by grey lines of ``gutter`` pixels."""
    tiles = [pixels(image, bounds, _SHADES) for image in images]
    line = np.full_like(tiles[0][:, :gutter], 128)
    parts = [part for tile in tiles for part in (line, tile)][1:]
    return np.concatenate(parts, axis=1)


def png_uri(image: Pixels) -> str:
    """A PNG data URI of pixels (H, W, C): C = 1 or 3, or 4 with at most 256 colours."""
    buffer = io.BytesIO()
    if image.shape[-1] == 4:
        whole = np.ascontiguousarray(image).view(np.uint32)[..., 0]
        colours, places = np.unique(whole, return_inverse=True)
        picture = Image.fromarray(places.reshape(whole.shape).astype(np.uint8))
        picture.putpalette(colours.tobytes(), "RGBA")
    else:
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def attack_figure(
    rows: Sequence[tuple[str, str, AttackedPair]], tile: float = 0.78
) -> tuple[Figure, float]:
    """A figure of attacked pairs, and the distortion at full colour, shared by all rows.

    Args:
        rows: label, note in smaller type, and images of each row.
        tile: width of a picture, inches.
    """
    scale = max(float(pair.distortion.abs().max()) for _, _, pair in rows) or 1.0
    lines = []
    for label, note, pair in rows:
        first, *others = (pictures := pair.pictures(scale)).values()
        lines.append([Picture(first, label, note), *map(Picture, others)])
    return picture_grid(list(pictures), lines, (tile, tile), 1.25), scale


def picture_grid(
    titles: Sequence[str],
    rows: Sequence[Sequence[Picture | None]],
    tile: tuple[float, float],
    left: float,
) -> Figure:
    """Rows of pictures in thin frames, with titles above the columns and labels on the left.

    Args:
        titles: one per column.
        rows: one picture per column; None leaves the cell empty.
        tile: width and height of a picture, inches.
        left: width of all labels together, inches.
    """
    height = _TOP + (tile[1] + 0.01) * len(rows)
    figure = style.canvas(left + tile[0] * len(titles), height)
    grid = figure.subplots(len(rows), len(titles), squeeze=False)
    for axes, picture in zip(grid.flat, chain(*rows), strict=True):
        if picture is None:
            axes.set_axis_off()
        else:
            _show(axes, picture)
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=8, color=MUTED)
    return figure


def _show(axes: Axes, picture: Picture) -> None:
    image = picture.image
    colours = np.broadcast_to(image, (*image.shape[:2], max(3, image.shape[-1])))
    axes.imshow(colours, interpolation="none")
    axes.set_anchor("E")  # room for the label
    style.frame(axes)
    words: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
    words |= {"ha": "right", "linespacing": 1.25}
    axes.annotate(picture.label, (0, 1), (-6, -1), va="top", fontsize=8, color=INK, **words)
    axes.annotate(picture.note, (0, 0), (-6, 1), va="bottom", fontsize=7, color=MUTED, **words)
