"""Sentences of captions: the numbers of trainings, pairs or images of a figure."""

from collections.abc import Iterable, Sequence

from seatbelt_vae.evaluation.bootstrap import FEWEST
from seatbelt_vae.evaluation.two_way_bootstrap import FEWEST_SEEDS, CrossedEstimate

__all__ = ["count_noun", "describe_estimates", "describe_range"]


def count_noun(count: int, noun: str) -> str:
    """A number with its noun.

    Example:
        >>> count_noun(1, "pair"), count_noun(20, "pair")
        ('1 pair', '20 pairs')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def describe_range(counts: Iterable[int], noun: str) -> str:
    """The range of several numbers with their noun.

    Example:
        >>> describe_range([3, 1, 3], "training"), describe_range([3, 3], "training")
        ('1 to 3 trainings', '3 trainings')
    """
    ordered = sorted(set(counts))
    last = count_noun(ordered[-1], noun)
    return last if len(ordered) == 1 else f"{ordered[0]} to {last}"


def describe_estimates(estimates: Sequence[CrossedEstimate], item: str) -> str:
    """The numbers of trainings and items behind means and intervals.

    Args:
        estimates: the drawn means.
        item: the unit within a training, such as ``pair``; empty if a training has one number.
    """
    counts = [describe_range([e.seeds for e in estimates], "training")]
    if item:
        counts.append(describe_range([e.pairs for e in estimates], item))
    sentences = [f"Means over {' and '.join(counts)}."]
    few = [e for e in estimates if e.of_these_models_only]
    enough = [e for e in estimates if not e.of_these_models_only]
    if enough:
        items = f" and {item}s" if item and any(e.pairs >= FEWEST for e in enough) else ""
        sentences.append(f"Bars: 95 % intervals over trainings{items}.")
    if few:
        bars = f"bars are over {item}s, " if any(e.low is not None for e in few) else ""
        sentences.append(
            f"Hollow, dashed: fewer than {FEWEST_SEEDS} trainings; {bars}for these models only."
        )
    return " ".join(sentences)
