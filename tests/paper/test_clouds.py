"""The figure of the Swiss roll's codes against its rows."""

import numpy as np

from seatbelt_vae.paper.drawing.clouds import draw_clouds
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.sizes import SIZES
from tests.paper.made_up import made_up


def test_a_column_a_model_with_its_codes_and_reconstructions():
    store = made_up([EXPERIMENTS["figA7"]], SIZES["small"])
    (figure,) = EXPERIMENTS["figA7"].figures
    rows = store.query(figure.query("figA7")).to_pylist()
    axes = np.reshape(draw_clouds(rows).canvas.axes, (2, 8))
    titles = [place.get_title("left") for place in axes[0, 1:]]
    assert titles == [
        "VAE\nβ = 1",
        *(f"{kind}\nβ = {beta}" for kind in ("β-VAE", "β-TCVAE") for beta in (8, 32, 128)),
    ]
    for column, (series, beta) in {3: ("β-VAE", 32), 5: ("β-TCVAE", 8)}.items():
        own = [row for row in rows if (row["series"], row["x"]) == (series, beta)]
        for line, what in enumerate(("code", "reconstruction")):
            drawn = axes[line, column].collections[0].get_offsets()
            np.testing.assert_array_equal(drawn, [row[what] for row in own])
    hues = axes[0, 1].collections[0].get_facecolors()
    angles = [row["angle"] for row in rows if row["series"] == "VAE"]
    same = angles.index(angles[0], 1) if angles[0] in angles[1:] else 0
    np.testing.assert_array_equal(hues[0], hues[same])
    assert len(np.unique(hues, axis=0)) == len(set(angles))


def test_codes_that_are_not_in_the_plane_are_not_drawn():
    row = {
        "panel": "swiss-roll",
        "series": "VAE",
        "x": 1.0,
        "seed": 0,
        "run": "a",
        "item": 0,
        "angle": 3,
        "code": [0.0, 1.0, 2.0],
        "pixels": [0.0, 0.0],
    }
    assert draw_clouds([row]).canvas is None
