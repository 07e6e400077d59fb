"""Sentences on the data sets that a reproduction replaces or leaves out of an experiment."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from seatbelt_vae.paper.experiment import Experiment
from seatbelt_vae.paper.sizes import Size

__all__ = ["omissions"]

_PARTS = {("fig6", "celeba"): "panel (c), of celeba"}
"""Data sets that appear in one part of an experiment only."""


def omissions(experiment: Experiment, size: Size, missing: Mapping[str, str]) -> Iterator[str]:
    """One sentence for each data set that is replaced, left out, or unavailable.

    Args:
        experiment: the experiment.
        size: its size.
        missing: the reason for each data set that is not on this machine, by name.

    Example:
        >>> from seatbelt_vae.paper.experiments import EXPERIMENTS
        >>> from seatbelt_vae.paper.sizes import SIZES
        >>> list(omissions(EXPERIMENTS["fig1"], SIZES["small"], {}))
        ['chairs stands in for celeba.']
        >>> list(omissions(EXPERIMENTS["figD8"], SIZES["small"], {"chairs": "not downloaded"}))
        ['Not at this size: faces.', 'No chairs: not downloaded']
        >>> list(omissions(EXPERIMENTS["fig6"], SIZES["small"], {}))
        ['Not at this size: panel (c), of celeba.']
    """
    here = _kinds(experiment, size)
    published = _kinds(experiment, replace(size, stand_ins={}, only={}))
    included = {d for d, kinds in published.items() if kinds & here.get(size.actual(d), set())}
    for data in published:
        if data in included and size.actual(data) != data:
            yield f"{size.actual(data)} stands in for {data}."
    absent = [_PARTS.get((experiment.id, data), data) for data in published if data not in included]
    if absent:
        yield f"Not at this size: {', '.join(absent)}."
    for data in here:
        if data in missing:
            yield f"No {data}: {missing[data]}"


def _kinds(experiment: Experiment, size: Size) -> dict[str, set[tuple[str, float]]]:
    """Series and β of the models of each data set."""
    kinds: dict[str, set[tuple[str, float]]] = {}
    for member in experiment.members(size):
        kinds.setdefault(member.model.data, set()).add((member.series, member.model.beta))
    return kinds
