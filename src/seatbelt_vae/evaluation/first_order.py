r"""The gap that an encoder allows to first order: how far a distortion moves its code."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from seatbelt_vae.evaluation.gap import Pair
from seatbelt_vae.protocol import Autoencoder, capabilities_of

__all__ = ["LARGEST_CODE", "first_order_gaps", "nearest_codes", "path_jacobian"]

LARGEST_CODE = 1024
"""Most units of a code whose Jacobian is computed, at the cost of one backward pass per unit."""

_ENTRIES = 2**24  # entries of the Jacobians held in memory at once
_ROUNDING = 1e-13  # squared singular values below this share of the largest are rounding
_HALVINGS = 80


@torch.no_grad()
def first_order_gaps(
    model: Autoencoder, pairs: Sequence[Pair], budgets: Sequence[float]
) -> list[list[float | None]]:
    r"""The gap of the code that a distortion within each budget reaches to first order.

    With the code μ of all layers on the mean path, its Jacobian :math:`J = \partial\mu/\partial x`
    and the standard deviations :math:`\sigma_t` of the target's posterior, the code is
    :math:`z_\epsilon = \mu(x) + Jd`, where d minimises
    :math:`\|(\mu(x_t)-\mu(x)-Jd)/\sigma_t\|` subject to :math:`\|d\|\leq\epsilon\|x_t-x\|`: the
    term of the KL attack that moves the means, for a linear encoder. The gap is that of the
    decoder's mean image of :math:`z_\epsilon`. It bounds nothing: curvature of the encoder makes
    the actual gap smaller or larger.

    Args:
        model: the autoencoder, in evaluation mode.
        pairs: pairs of images as the model reconstructs them.
        budgets: ε.

    Returns:
        One gap per budget for every pair; None without a posterior, for a code of more than
        `LARGEST_CODE` units, and for an encoder without a gradient.

    Example:
        >>> from seatbelt_vae.config import ModelConfig, resolve
        >>> from seatbelt_vae.models import HierarchicalVAE
        >>> settings = ModelConfig(preset="vae", network="mlp", features=8)
        >>> model = HierarchicalVAE(resolve(settings, "dsprites", (1, 8, 8), (-1.0, 1.0))).eval()
        >>> pair = Pair.of(model, torch.zeros(1, 8, 8), torch.ones(1, 8, 8))
        >>> round(first_order_gaps(model, [pair], [0.0])[0][0], 6)  # nothing moves
        1.0
    """
    size = sum(model.latent_sizes)
    if not capabilities_of(model).posterior or size > LARGEST_CODE:
        return [[None] * len(budgets) for _ in pairs]
    together = max(1, _ENTRIES // (size * pairs[0].x.numel()))
    found: list[list[float | None]] = []
    for first in range(0, len(pairs), together):
        part = pairs[first : first + together]
        found += map(partial(_gaps, model), part, _codes(model, part, budgets))
    return found


def _codes(model: Autoencoder, pairs: Sequence[Pair], budgets: Sequence[float]) -> Tensor:
    r"""The codes reached from each pair, :math:`(N, B, \sum_i d_i)`; NaN without a gradient."""
    aimed = model.encode(torch.stack([pair.target for pair in pairs]))
    std = torch.cat([layer.std for layer in aimed.layers], dim=-1).double()
    code, jacobian = path_jacobian(model, torch.stack([pair.x for pair in pairs]))
    change = (torch.cat(aimed.z, dim=-1).double() - code) / std
    radii = [[epsilon * pair.image_distance for epsilon in budgets] for pair in pairs]
    moved = nearest_codes(jacobian / std[..., None], change, torch.tensor(radii).to(std))
    return (code[:, None] + moved * std[:, None]).to(aimed.z[0])


def _gaps(model: Autoencoder, pair: Pair, codes: Tensor) -> list[float | None]:
    """The gap of each code; None where it is not finite."""
    if not codes.isfinite().all():
        return [None] * len(codes)
    images = model.decode(codes.split(list(model.latent_sizes), dim=-1)).mean
    return [gap if gap < float("inf") else None for gap in pair.gap(images).tolist()]


def path_jacobian(model: Autoencoder, x: Tensor) -> tuple[Tensor, Tensor]:
    r"""The codes of all layers on the mean path, and their total derivative.

    Args:
        model: the autoencoder.
        x: inputs :math:`(N, \text{event})`.

    Returns:
        Codes :math:`(N, \sum_i d_i)` and :math:`\partial\mu/\partial x`, :math:`(N, \sum_i d_i,
        n)`, float64; the derivative is NaN if the code has no gradient.
    """
    with torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        code = torch.cat(model.encode(x).z, dim=-1)
        if not code.requires_grad:
            unknown = torch.full((*code.shape, x[0].numel()), float("nan"), dtype=torch.float64)
            return code.double(), unknown.to(x.device)
        rows = [
            torch.autograd.grad(unit, x, retain_graph=True, materialize_grads=True)[0].flatten(1)
            for unit in code.sum(0)
        ]
    return code.detach().double(), torch.stack(rows, dim=1).double()


def nearest_codes(jacobian: Tensor, change: Tensor, radii: Tensor) -> Tensor:
    r"""The Jd nearest to a change of the code with :math:`\|d\|` at most each radius.

    :math:`d = J^\top(JJ^\top+wI)^{-1}b` with the smallest :math:`w \geq 0` for which
    :math:`\|d\|` keeps the radius, by bisection of its logarithm.

    Args:
        jacobian: J, :math:`(N, D, n)`.
        change: b, :math:`(N, D)`.
        radii: :math:`(N, B)`.

    Returns:
        Jd, :math:`(N, B, D)`; NaN for a Jacobian or a change that is not finite.

    Source: Golub & Van Loan (2013), section 6.2.1, least squares over a ball.
    """
    known = jacobian.flatten(1).isfinite().all(1) & change.isfinite().all(1)
    jacobian = torch.where(known[:, None, None], jacobian, 0)  # `eigh` refuses NaN
    squares, vectors = torch.linalg.eigh(jacobian @ jacobian.mT)
    largest = squares[:, -1:].clamp_min(torch.finfo(squares.dtype).tiny)
    squares = torch.where(squares > _ROUNDING * largest, squares, 0)[:, None]
    parts = (vectors.mT @ change[..., None]).mT
    low = (_ROUNDING**2 * largest).expand_as(radii).log()
    # ‖d‖ ≤ s‖b‖/w with the largest singular value s
    high = (largest.sqrt() * parts.norm(dim=-1) / radii).log().maximum(low)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        step = squares.sqrt() * parts / (squares + middle.exp()[..., None])
        inside = step.norm(dim=-1) <= radii
        low, high = torch.where(inside, low, middle), torch.where(inside, middle, high)
    reached = (squares / (squares + high.exp()[..., None]) * parts) @ vectors.mT
    return torch.where(known[:, None, None], reached, float("nan"))
