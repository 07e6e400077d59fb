r"""The gap of a linearised encoder: how far a distortion moves the code to first order."""

from collections.abc import Sequence
from functools import partial
from math import prod

import torch
from torch import Tensor

from seatbelt_vae.evaluation.gap import Pair
from seatbelt_vae.protocol import Autoencoder, capabilities_of, event_shape_of
from seatbelt_vae.runs.json_files import finite

__all__ = [
    "LARGEST_CODE",
    "LARGEST_JACOBIAN",
    "first_order_gaps",
    "nearest_codes",
    "path_jacobian",
]

LARGEST_CODE = 1024
"""Most units of a code whose Jacobian is computed, at the cost of one backward pass per unit."""

LARGEST_JACOBIAN = 2**26
"""Most entries of a Jacobian that is computed, 0.5 GiB in float64."""

_ENTRIES, _PAIRS = 2**24, 64  # Jacobians and pairs in one batch, unless one pair has more
_ROUNDING = 1e-13  # squared singular values below this share of the largest are rounding
_BISECTIONS = 80


@torch.no_grad()
def first_order_gaps(
    model: Autoencoder, pairs: Sequence[Pair], budgets: Sequence[float]
) -> list[list[float | None]]:
    r"""The gap of the code that a distortion within each budget reaches to first order.

    With the code μ of all layers on the mean path, its Jacobian :math:`J = \partial\mu/\partial x`
    and the standard deviations :math:`\sigma_t` on the target's mean path, the code is
    :math:`z_\epsilon = \mu(x) + Jd`, where d minimises
    :math:`\|(\mu(x_t)-\mu(x)-Jd)/\sigma_t\|` subject to :math:`\|d\|\leq\epsilon\|x_t-x\|`:
    the term of the KL attack that moves the means, for a linear encoder. The gap is that of the
    decoder's mean image of :math:`z_\epsilon`. It bounds nothing: the bounds of pixels are ignored,
    an attack on the reconstruction can do better with the same codes, and encoders are curved.

    Args:
        model: the autoencoder, in evaluation mode.
        pairs: pairs of images as the model reconstructs them.
        budgets: ε.

    Returns:
        One gap per budget for every pair; None without a posterior or a gradient, and for a code
        of more than `LARGEST_CODE` units or a Jacobian of more than `LARGEST_JACOBIAN` entries.

    Example:
        >>> from seatbelt_vae.config import ModelConfig, resolve
        >>> from seatbelt_vae.models import HierarchicalVAE
        >>> settings = ModelConfig(preset="vae", network="mlp", features=8)
        >>> model = HierarchicalVAE(resolve(settings, "dsprites", (1, 8, 8), (-1.0, 1.0)))
        >>> x = torch.zeros(1, 8, 8, dtype=torch.float64)
        >>> pair = Pair.of(model.eval().double(), x, x + 1)
        >>> round(first_order_gaps(model, [pair], [0.0])[0][0], 6)  # nothing moves
        1.0
    """
    units = sum(model.latent_sizes)
    entries = units * prod(event_shape_of(model))
    large = units > LARGEST_CODE or entries > LARGEST_JACOBIAN
    if large or not capabilities_of(model).posterior:
        return [[None] * len(budgets) for _ in pairs]
    size = max(1, min(_PAIRS, _ENTRIES // entries))
    found: list[list[float | None]] = []
    for first in range(0, len(pairs), size):
        batch = pairs[first : first + size]
        found += map(partial(_gaps, model), batch, _codes(model, batch, budgets))
    return found


def _codes(model: Autoencoder, pairs: Sequence[Pair], budgets: Sequence[float]) -> Tensor:
    r"""The codes reached from each pair, :math:`(N, B, \sum_i d_i)`; NaN without a gradient."""
    posterior = model.encode(torch.stack([pair.target for pair in pairs]))
    std = torch.cat([layer.std for layer in posterior.layers], dim=-1).double()
    code, jacobian = path_jacobian(model, torch.stack([pair.x for pair in pairs]))
    change = (torch.cat(posterior.z, dim=-1).double() - code) / std
    radii = [[epsilon * pair.image_distance for epsilon in budgets] for pair in pairs]
    moved = nearest_codes(jacobian / std[..., None], change, std.new_tensor(radii))
    return (code[:, None] + moved * std[:, None]).to(posterior.z[0])


def _gaps(model: Autoencoder, pair: Pair, codes: Tensor) -> list[float | None]:
    """The gap of each code; None where it is not finite."""
    if not codes.isfinite().all():
        return [None] * len(codes)
    images = model.decode(codes.split(list(model.latent_sizes), dim=-1)).mean
    gaps: list[float | None] = finite(pair.gap(images).tolist())
    return gaps


def path_jacobian(model: Autoencoder, x: Tensor) -> tuple[Tensor, Tensor]:
    r"""The codes of all layers on the mean path, and their total derivative.

    Args:
        model: the autoencoder.
        x: inputs :math:`(N, \text{event})`.

    Returns:
        Codes :math:`(N, \sum_i d_i)` and :math:`\partial\mu/\partial x`, :math:`(N, \sum_i d_i,
        n)`, float64; the derivative of an input without a gradient is NaN.
    """
    with torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        code = torch.cat(model.encode(x).z, dim=-1)
        rows = [_gradient(unit, x) for unit in code.sum(0)]
    jacobian = torch.stack(rows, dim=1).double()
    # an encoder that rounds has a gradient of zeros, which says nothing about it
    silent = (jacobian == 0).flatten(1).all(1)
    return code.detach().double(), torch.where(silent[:, None, None], float("nan"), jacobian)


def _gradient(unit: Tensor, x: Tensor) -> Tensor:
    """The gradient of one unit, summed over inputs, :math:`(N, n)`; 0 if there is none."""
    if not unit.requires_grad:
        return torch.zeros_like(x).flatten(1)
    (found,) = torch.autograd.grad(unit, x, retain_graph=True, materialize_grads=True)
    return found.flatten(1)


def nearest_codes(jacobian: Tensor, change: Tensor, radii: Tensor) -> Tensor:
    r"""The Jd nearest to a change of the code with :math:`\|d\|` at most each radius.

    :math:`d = J^\top(JJ^\top+wI)^{-1}b` with the smallest :math:`w \geq 0` for which
    :math:`\|d\|` is at most the radius, by bisection of log w.

    Args:
        jacobian: J, :math:`(N, D, n)`.
        change: b, :math:`(N, D)`.
        radii: :math:`(N, B)`.

    Returns:
        Jd, :math:`(N, B, D)`; NaN for a Jacobian or a change that is not finite.

    Source: Golub & Van Loan (2013), section 6.2.1, least squares over a ball.
    """
    finite = jacobian.flatten(1).isfinite().all(1) & change.isfinite().all(1)
    jacobian = torch.where(finite[:, None, None], jacobian, 0)  # `eigh` refuses NaN
    squares, vectors = torch.linalg.eigh(jacobian @ jacobian.mT)
    largest = squares[:, -1:].clamp_min(torch.finfo(squares.dtype).tiny)
    squares = torch.where(squares > _ROUNDING * largest, squares, 0)[:, None]
    parts = (vectors.mT @ change[..., None]).mT
    low = (_ROUNDING**2 * largest).expand_as(radii).log()
    # ‖d‖ ≤ s‖b‖/w with the largest singular value s
    high = (largest.sqrt() * parts.norm(dim=-1) / radii).log().maximum(low)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        step = squares.sqrt() * parts / (squares + middle.exp()[..., None])
        inside = step.norm(dim=-1) <= radii
        low, high = torch.where(inside, low, middle), torch.where(inside, middle, high)
    reached = (squares / (squares + high.exp()[..., None]) * parts) @ vectors.mT
    return torch.where(finite[:, None, None], reached, float("nan"))
