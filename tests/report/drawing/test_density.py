"""The density against SciPy's own defaults, and on samples that have no spread."""

import numpy as np
import pytest
from scipy.stats import gaussian_kde

from seatbelt_vae.report.drawing.density import density

GRID = np.linspace(-5, 9, 57)


def test_the_density_is_scipys_and_integrates_to_one() -> None:
    draw = np.random.default_rng(0)
    values = np.concatenate([draw.normal(0, 1, 200), draw.normal(7, 0.3, 50)])
    np.testing.assert_allclose(density(values, GRID), gaussian_kde(values)(GRID), rtol=1e-10)
    wide = np.linspace(-30, 30, 2001)
    assert np.trapezoid(density(values, wide), wide) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("values", [[2.0], [2.0] * 5, [2.0, 2.0 + 1e-9, 2.0 - 1e-9]])
def test_a_sample_without_spread_is_a_peak_of_half_a_step(values: list[float]) -> None:
    found = density(np.array(values), GRID)
    assert found.argmax() == np.abs(GRID - 2).argmin()
    step = GRID[1] - GRID[0]
    assert found.max() == pytest.approx(1 / np.sqrt(2 * np.pi) / (step / 2))
