"""What an experiment lacks at a size, beside what was published, in plain words."""

from collections.abc import Iterator, Mapping

from seatbelt_vae.paper.experiment import Experiment
from seatbelt_vae.paper.sizes import SIZES, Size

__all__ = ["left_out"]


def left_out(experiment: Experiment, size: Size, missing: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each data set that is replaced, left out, or not to be had.

    Args:
        experiment: which.
        size: how large.
        missing: data sets that are not on this machine, by name, and why.

    Example:
        >>> from seatbelt_vae.paper.experiments import EXPERIMENTS
        >>> list(left_out(EXPERIMENTS["fig1"], SIZES["small"], {}))
        ['chairs stands in for celeba.']
        >>> list(left_out(EXPERIMENTS["figD8"], SIZES["small"], {"chairs": "not downloaded"}))
        ['Not at this size: faces.', 'No chairs: not downloaded']
    """
    here = _sets(experiment, size)
    published = _sets(experiment, SIZES["paper"])
    for data in published:
        if size.actual(data) != data and size.actual(data) in here:
            yield f"{size.actual(data)} stands in for {data}."
    absent = [data for data in published if size.actual(data) not in here]
    if absent:
        yield f"Not at this size: {', '.join(absent)}."
    for data in here:
        if data in missing:
            yield f"No {data}: {missing[data]}"


def _sets(experiment: Experiment, size: Size) -> list[str]:
    return list(dict.fromkeys(member.model.data for member in experiment.members(size)))
