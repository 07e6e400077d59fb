"""A contact sheet: random training images of a set on one page."""

import io

from seatbelt_vae.data.dataset import ImageData
from seatbelt_vae.randomness import DataStream

__all__ = ["contact_sheet"]

_COLUMNS, _ROWS = 10, 6


def contact_sheet(data: ImageData) -> bytes:
    """A PNG of 60 random training images; sets of points are drawn as a scatter plot."""
    from matplotlib.figure import Figure

    chosen = DataStream.CONTACT_SHEET.generator(1).permutation(len(data.train))
    figure = Figure(figsize=(_COLUMNS, _ROWS), dpi=100)
    if len(data.image_shape) != 3 or data.image_shape[1] == 1:
        points = data.train.batch(chosen[:2000]).flatten(1).numpy()
        axes = figure.add_subplot()
        axes.scatter(points[:, 0], points[:, 1], s=2)
        axes.set_aspect("equal")
    else:
        low, high = data.bounds
        images = (data.train.batch(chosen[: _COLUMNS * _ROWS]) - low) / (high - low)
        for place, image in enumerate(images.movedim(1, -1), start=1):
            axes = figure.add_subplot(_ROWS, _COLUMNS, place)
            axes.imshow(image.squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=1)
            axes.set_axis_off()
        figure.subplots_adjust(0.005, 0.005, 0.995, 0.995, 0.05, 0.05)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
