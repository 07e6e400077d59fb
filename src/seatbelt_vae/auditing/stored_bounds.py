"""The bounds of inputs in ``audit.json``: numbers, or nested tuples such as one per channel."""

from math import inf, isfinite
from typing import Any

import torch
from torch import Tensor

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.protocol import Bounds
from seatbelt_vae.runs.audit_answers import End
from seatbelt_vae.runs.audit_document import Target

__all__ = ["as_stored", "stored_bounds"]


def as_stored(bounds: Bounds) -> tuple[End, End] | None:
    """Bounds as plain data, infinite ones as None; None without a finite one.

    Example:
        >>> as_stored(Bounds(torch.tensor([[[0.0]], [[-1.0]]]), 1.0))
        ((((0.0,),), ((-1.0,),)), 1.0)
    """
    low, high = (torch.as_tensor(bound, dtype=torch.float64) for bound in bounds)
    if not (low.isfinite().any() or high.isfinite().any()):
        return None
    return _plain(low.tolist()), _plain(high.tolist())


def stored_bounds(target: Target) -> Bounds:
    """The bounds of the inputs of a target, infinite where there is none.

    Raises:
        ArtifactError: they do not fit the shape of an input.
    """
    low, high = target.bounds or (None, None)
    try:
        return Bounds(_tensor(low, -inf, target), _tensor(high, inf, target))
    except (RuntimeError, ValueError, TypeError):
        raise ArtifactError(
            f"audit.json has bounds {str(target.bounds)[:60]}, which do not fit inputs "
            f"{target.event_shape}: restore it, or audit again"
        ) from None


def _plain(values: Any) -> Any:
    if isinstance(values, list):
        return tuple(map(_plain, values))
    return values if isfinite(values) else None


def _tensor(end: End, missing: float, target: Target) -> Tensor:
    found = torch.tensor(_filled(end, missing), dtype=torch.float64)
    _ = found.expand(target.event_shape)
    return found


def _filled(end: End, missing: float) -> Any:
    if isinstance(end, tuple):
        return [_filled(part, missing) for part in end]
    return missing if end is None else end
