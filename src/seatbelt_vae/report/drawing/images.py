"""Images as pixels, PNG data URIs and rows of pictures; distortions are signed."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from seatbelt_vae.report.drawing import style
from seatbelt_vae.report.drawing.style import GRID, INK, MUTED

__all__ = [
    "AttackedPair",
    "Pixels",
    "attack_figure",
    "frame",
    "pixels",
    "png_uri",
    "show",
    "side_by_side",
    "signed",
]

Pixels = NDArray[np.uint8]

_NEGATIVE, _POSITIVE = (40, 120, 205), (224, 92, 24)
_LEVELS = 127
_SHADES = 64
_LEFT, _TOP = 1.25, 0.5  # inches


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


def show(axes: Axes, image: Pixels) -> None:
    """Draw pixels (H, W, C) in a thin frame."""
    colours = np.broadcast_to(image, (*image.shape[:2], max(3, image.shape[-1])))
    axes.imshow(colours, interpolation="none")
    frame(axes)


def frame(axes: Axes) -> None:
    """A thin frame without ticks."""
    axes.set_facecolor("none")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(GRID)
        spine.set_linewidth(0.6)


def attack_figure(
    rows: Sequence[tuple[str, str, AttackedPair]], tile: float = 0.78
) -> tuple[Figure, float]:
    """A figure of attacked pairs, and the distortion at full colour, shared by all rows.

    Args:
        rows: label, note in smaller type, and images of each row.
        tile: width of a picture, inches.
    """
    scale = max(float(pair.distortion.abs().max()) for _, _, pair in rows) or 1.0
    canvas = style.canvas(_LEFT + 6 * tile, _TOP + (tile + 0.01) * len(rows))
    grid = canvas.subplots(len(rows), 6, squeeze=False)
    words: dict[str, Any] = {"ha": "right", "linespacing": 1.25}
    for line, (label, note, pair) in zip(grid, rows, strict=True):
        pictures = pair.pictures(scale)
        for axes, picture in zip(line, pictures.values(), strict=True):
            show(axes, picture)
        words["transform"] = line[0].transAxes
        line[0].text(-0.1, 0.98, label, va="top", fontsize=8, color=INK, **words)
        line[0].text(-0.1, 0.02, note, va="bottom", fontsize=7, color=MUTED, **words)
    for axes, title in zip(grid[0], pictures, strict=True):
        axes.set_title(title, fontsize=8, color=MUTED)
    return canvas, scale
