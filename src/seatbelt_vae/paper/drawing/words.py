"""Sentences of captions: the numbers of trainings, pairs or images of a figure."""

from collections.abc import Iterable, Sequence

from seatbelt_vae.evaluation.bootstrap import FEWEST
from seatbelt_vae.evaluation.two_way_bootstrap import FEWEST_SEEDS, CrossedEstimate

__all__ = ["behind", "counted", "spread"]


def counted(count: int, noun: str) -> str:
    """A number with its noun.

    Example:
        >>> counted(1, "pair"), counted(20, "pair")
        ('1 pair', '20 pairs')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def spread(counts: Iterable[int], noun: str) -> str:
    """A range of numbers with their noun.

    Example:
        >>> spread([3, 1, 3], "training"), spread([3, 3], "training")
        ('1 to 3 trainings', '3 trainings')
    """
    found = sorted(set(counts))
    last = counted(found[-1], noun)
    return last if len(found) == 1 else f"{found[0]} to {last}"


def behind(estimates: Sequence[CrossedEstimate], item: str) -> str:
    """The trainings and items that means and intervals are over.

    Args:
        estimates: the drawn means.
        item: the unit within a training, such as ``pair``; empty if a training has one number.
    """
    over = [spread([e.seeds for e in estimates], "training")]
    if item:
        over.append(spread([e.pairs for e in estimates], item))
    return f"Means over {' and '.join(over)}. {_intervals(estimates, item)}"


def _intervals(estimates: Sequence[CrossedEstimate], item: str) -> str:
    few = [e for e in estimates if e.of_these_models_only]
    enough = [e for e in estimates if not e.of_these_models_only]
    several = item and any(e.pairs >= FEWEST for e in enough)
    said = []
    if enough:
        said.append(f"Bars: 95 % intervals over trainings{f' and {item}s' if several else ''}.")
    if few:
        bars = any(e.low is not None for e in few)
        alone = f"bars are over {item}s and speak" if bars else "they speak"
        said.append(
            f"Hollow, dashed: fewer than {FEWEST_SEEDS} trainings; {alone} of these models only."
        )
    return " ".join(said)
