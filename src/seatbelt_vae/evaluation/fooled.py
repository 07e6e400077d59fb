"""Fooled, partly fooled or not fooled: the reading of a gap in words."""

from typing import Literal

__all__ = ["FOOLED", "UNMOVED", "finding_of"]

FOOLED = 0.5
"""Smallest share of the way to the target, at ε = 0.2, at which a model counts as fooled."""

UNMOVED = 0.25
"""Share below which a model counts as not fooled; copying the input gives a share of 0.2."""


def finding_of(gap: float) -> Literal["fooled", "partly fooled", "not fooled"]:
    """The reading of a gap at ε = 0.2, of which 1 − gap is the share of the way to the target.

    Example:
        >>> finding_of(0.5), finding_of(0.75), finding_of(0.8)
        ('fooled', 'partly fooled', 'not fooled')
    """
    moved = 1 - gap
    return "fooled" if moved >= FOOLED else "partly fooled" if moved >= UNMOVED else "not fooled"
