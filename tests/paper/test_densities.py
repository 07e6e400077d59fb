"""Densities against SciPy's, and the figure of them against the rows."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy.stats import gaussian_kde

from seatbelt_vae.paper.drawing.densities import draw_densities
from seatbelt_vae.paper.drawing.looks import ramp
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.figure_kinds import Densities
from seatbelt_vae.paper.sizes import SIZES
from tests.paper.made_up import made_up

FIGURE = Densities("name", "v", "label", "view")


def test_a_curve_for_every_beta_and_a_stroke_at_its_mean():
    store = made_up([EXPERIMENTS["figF12"]], SIZES["small"])
    (figure,) = EXPERIMENTS["figF12"].figures
    sheet = draw_densities(figure, store.query(figure.query("figF12")).to_pylist())
    assert [axes.get_title("left") for axes in sheet.canvas.axes[:2]] == [
        "β-TCVAE, a = 0.1",
        "Seatbelt-VAE, a = 0.1",
    ]
    axes = sheet.canvas.axes[2]  # β-TCVAE, a = 0.5
    assert axes.get_title("left") == "β-TCVAE, a = 0.5"
    for beta in (1, 4, 10):
        values = store.query(
            f"SELECT log_likelihood AS v FROM members JOIN runs USING (run) JOIN denoising "
            f"USING (run) WHERE series = 'β-TCVAE' AND beta = {beta} AND sigma = 0.5"
        )["v"].to_numpy()
        (stroke,) = [line for line in axes.get_lines() if line.get_label() == f"mean, β = {beta}"]
        assert stroke.get_xdata()[0] == pytest.approx(values.mean())
        (curve,) = [line for line in axes.get_lines() if line.get_label() == f"β = {beta}"]
        np.testing.assert_allclose(curve.get_ydata(), gaussian_kde(values)(curve.get_xdata()))
        assert to_hex(curve.get_color()) == ramp([1, 4, 10])[beta]
    assert sheet.canvas.axes[2].get_xlim() == sheet.canvas.axes[3].get_xlim()


def test_a_sample_without_spread_is_a_line():
    row = {"panel": "p", "series": "VAE", "by": 1.0, "row": "", "run": "a", "value": 2.0}
    sheet = draw_densities(FIGURE, [row, row])
    line, _ = sheet.canvas.axes[0].get_lines()
    assert set(line.get_xdata()) == {2.0}
