"""Kernel density estimate of a sample."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["density"]

Vector = NDArray[np.float64]


def density(values: Vector, grid: Vector) -> Vector:
    r"""A Gaussian kernel density estimate with Scott's bandwidth, :math:`s\,n^{-1/5}`.

    The bandwidth is at least half a grid step, so that no peak falls between grid points.

    Args:
        values: (N,), the sample.
        grid: (G,), equidistant positions.

    Example:
        >>> grid = np.linspace(-8.0, 8.0, 161)
        >>> found = density(np.array([-1.0, 0.0, 1.0]), grid)
        >>> print(round(float(found.sum() * 0.1), 6), grid[found.argmax()].round(6))
        1.0 0.0
    """
    from scipy.stats import gaussian_kde, norm

    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    width = max(spread * len(values) ** -0.2, float(grid[1] - grid[0]) / 2)
    found: Vector = (
        gaussian_kde(values, width / spread)(grid) if spread else norm.pdf(grid, values[0], width)
    )
    return found
