"""What an experiment lacks at a size, beside what was published, in plain words."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from seatbelt_vae.paper.experiment import Experiment
from seatbelt_vae.paper.sizes import Size

__all__ = ["left_out"]

_ALONE = {("fig6", "celeba"): "panel (c), of celeba"}
"""Data sets that only a part of an experiment is of."""


def left_out(experiment: Experiment, size: Size, missing: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each data set that is replaced, left out, or not to be had.

    Args:
        experiment: which.
        size: how large.
        missing: data sets that are not on this machine, by name, and why.

    Example:
        >>> from seatbelt_vae.paper.experiments import EXPERIMENTS
        >>> from seatbelt_vae.paper.sizes import SIZES
        >>> list(left_out(EXPERIMENTS["fig1"], SIZES["small"], {}))
        ['chairs stands in for celeba.']
        >>> list(left_out(EXPERIMENTS["figD8"], SIZES["small"], {"chairs": "not downloaded"}))
        ['Not at this size: faces.', 'No chairs: not downloaded']
        >>> list(left_out(EXPERIMENTS["fig6"], SIZES["small"], {}))
        ['Not at this size: panel (c), of celeba.']
    """
    here = _kinds(experiment, size)
    published = _kinds(experiment, replace(size, stand_ins={}, only={}))
    taken = {d for d, kinds in published.items() if kinds & here.get(size.actual(d), set())}
    for data in published:
        if data in taken and size.actual(data) != data:
            yield f"{size.actual(data)} stands in for {data}."
    absent = [_ALONE.get((experiment.id, data), data) for data in published if data not in taken]
    if absent:
        yield f"Not at this size: {', '.join(absent)}."
    for data in here:
        if data in missing:
            yield f"No {data}: {missing[data]}"


def _kinds(experiment: Experiment, size: Size) -> dict[str, set[tuple[str, float]]]:
    """The series and β of each data set's models."""
    kinds: dict[str, set[tuple[str, float]]] = {}
    for member in experiment.members(size):
        kinds.setdefault(member.model.data, set()).add((member.series, member.model.beta))
    return kinds
