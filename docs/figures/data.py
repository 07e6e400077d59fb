"""Makes the figure of data.md: a few images of each set that may be shown.

python -m docs.figures.data --chairs FURNITURE --faces ICT-FACEKIT
"""

import argparse
from pathlib import Path

import numpy as np
from docs.figures.style import DOCS, INK
from matplotlib.figure import Figure

from seatbelt_vae import load_data

COLUMNS = 14


def main() -> None:
    """Draw one row per data set."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chairs", type=Path, help="folder of archives that may be shown: CC0")
    parser.add_argument("--faces", type=Path, help="a checkout of ICT-FaceKit")
    roots = vars(parser.parse_args())
    names = ("dsprites", "chairs", "faces", "fashion-mnist")
    figure = Figure(figsize=(10, 0.68 * len(names)), dpi=140)
    figure.subplots_adjust(0.12, 0.01, 0.995, 0.99, 0.06, 0.06)
    places = np.atleast_2d(figure.subplots(len(names), COLUMNS))
    for row, name in zip(places, names, strict=True):
        data = load_data(name, roots.get(name))
        chosen = np.random.default_rng(3).permutation(len(data.train))[:COLUMNS]
        low, high = data.bounds
        images = (data.train.batch(chosen) - low) / (high - low)
        row[0].text(
            -0.15, 0.5, name, ha="right", va="center", color=INK, transform=row[0].transAxes
        )
        for axes, image in zip(row, images, strict=True):
            axes.imshow(image[0].numpy(), cmap="gray", vmin=0, vmax=1)
            axes.set_axis_off()
    figure.savefig(DOCS / "data_sets.png")


if __name__ == "__main__":
    main()
