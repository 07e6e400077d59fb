r"""The linear reference of the frontier: probabilistic PCA under the attacks of the models.

A linear VAE with observation variance :math:`\sigma^2` is probabilistic PCA at its optimum (Lucas
et al. 2019), and its posterior is exact: its ELBO is the marginal likelihood. Everything is
computed in closed form, except the smallest gap, which is the minimum of a convex function.
"""

import math
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from seatbelt_vae.attacks.suites.pair_files import pair_number
from seatbelt_vae.attacks.threats import Budget
from seatbelt_vae.auditing.linear_model import LinearModel, fit_linear_model
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.config.attack import suite_name
from seatbelt_vae.data import load_for
from seatbelt_vae.evaluation.evaluation_folder import evaluated_positions
from seatbelt_vae.evaluation.gap import Pair
from seatbelt_vae.evaluation.measures import BUDGETS
from seatbelt_vae.evaluation.reconstruction import unexplained_variance
from seatbelt_vae.paper.sizes import Size
from seatbelt_vae.protocol import Bounds
from seatbelt_vae.randomness import DataStream
from seatbelt_vae.runs import RunFolder, read_rows, read_tensors, write_rows

__all__ = ["FILE", "linear_elbo", "linear_vae", "truncated", "write_linear_reference"]

FILE = "evaluation/linear.parquet"
"""Path of the rows in a run folder."""

_UNITS = (2, 4, 8, 16, 32, 64)
_IMAGES = 4096


def linear_vae(images: Tensor, units: int, bounds: Bounds, variance: float) -> LinearModel:
    r"""The linear VAE of maximum likelihood with a fixed observation variance :math:`\sigma^2`.

    Its gains are :math:`g_j = 1 - \sigma^2/\lambda_j`; directions with
    :math:`\lambda_j \leq \sigma^2` carry nothing and are left out.

    Args:
        images: training images :math:`(N, C, H, W)`.
        units: largest number of directions.
        bounds: bounds of the images.
        variance: :math:`\sigma^2`.

    Source: Tipping and Bishop (1999), appendix A.
    """
    fitted = fit_linear_model(images, units, bounds)
    eigenvalues = fitted.noise_variance / (1 - fitted.gains)
    gains = 1 - variance / eigenvalues
    model = replace(fitted, gains=gains, noise_variance=variance)
    return truncated(model, int((gains > 0).sum()))


def truncated(model: LinearModel, units: int) -> LinearModel:
    """The model with its first ``units`` directions."""
    return replace(model, directions=model.directions[:, :units], gains=model.gains[:units])


def linear_elbo(model: LinearModel, x: Tensor) -> float:
    r"""The mean of :math:`\log N(x;\ \mu,\ WW^T + \sigma^2 I)`, in nats per image.

    Args:
        model: with :math:`WW^T = U\,\mathrm{diag}(\lambda_j - \sigma^2)\,U^T` and
            :math:`\lambda_j = \sigma^2 / (1 - g_j)`.
        x: images :math:`(N, C, H, W)`.
    """
    centred = x.flatten(1).to(model.mean) - model.mean
    codes = centred @ model.directions
    eigenvalues = model.noise_variance / (1 - model.gains)
    left = (centred.square().sum(1) - codes.square().sum(1)) / model.noise_variance
    squares = (codes.square() / eigenvalues).sum(1) + left
    size, units = centred.shape[1], len(eigenvalues)
    constant = size * math.log(2 * math.pi) + (size - units) * math.log(model.noise_variance)
    return float(-0.5 * (constant + eigenvalues.log().sum() + squares.mean()))


def write_linear_reference(path: Path, run: RunFolder, size: Size, attack: AttackConfig) -> None:
    """Write the view ``linear`` of a run: the references on its data set and its pairs.

    Args:
        path: the file, see `FILE`; one with the same pairs is left as it is.
        run: an attacked run.
        size: the images of its evaluation.
        attack: the settings of its suite.

    Raises:
        DataError: the data set is not on this machine.
    """
    suite = run.path / "attacks" / suite_name(attack)
    pairs = {pair_number(file): file for file in suite.glob("pair-*.safetensors")}
    if path.exists() and {row["pair"] for row in read_rows(path)} == pairs.keys():
        return
    data = load_for(run.config)
    order = DataStream.LINEAR_IMAGES.generator().permutation(len(data.train))
    images = data.train.batch(order[:_IMAGES])
    held_out = data.test.batch(evaluated_positions(data, size.evaluation))
    model = linear_vae(images, max(_UNITS), Bounds(*data.bounds), run.config.model.variance)
    rows = []
    for units in dict.fromkeys(min(units, len(model.gains)) for units in _UNITS):
        linear = truncated(model, units)
        cost = {
            "units": units,
            "elbo": linear_elbo(linear, held_out),
            "unexplained_variance": unexplained_variance(held_out, linear.reconstruct(held_out)),
        }
        for pair, file in sorted(pairs.items()):
            gaps = _gaps(linear, read_tensors(file))
            rows += [{**cost, "pair": pair, "epsilon": e, "gap": gap} for e, gap in gaps.items()]
    write_rows(path, rows)


def _gaps(model: LinearModel, images: dict[str, Tensor]) -> dict[float, float | None]:
    """The smallest gap within each budget; None if the pair is not told apart."""
    x, target = images["x"], images["target"]
    pair = Pair(x, target, *model.reconstruct(torch.stack([x, target])))
    levels = [epsilon * pair.image_distance for epsilon in BUDGETS]
    found = model.gaps(x, target, Budget("l2"), levels).tolist()
    gaps = found if pair.gap_is_defined else [None] * len(BUDGETS)
    return dict(zip(BUDGETS, gaps, strict=True))
