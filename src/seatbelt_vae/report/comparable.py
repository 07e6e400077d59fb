"""Which models can be compared: one data set and one likelihood, under attacks of one strength."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Kind", "by_kind", "differing", "titles"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """What models must share for their ELBOs to be compared.

    Args:
        data: the set.
        place: a digest of where its images lie, for sets whose name does not tell them.
        likelihood, variance: p(x|z) and, if it is a Gaussian, its variance.
        shape: the images', (C, H, W); None before training has begun.
    """

    data: str
    place: str | None
    likelihood: str
    variance: float | None
    shape: tuple[int, ...] | None

    @classmethod
    def of(cls, run: Row) -> "Kind":
        """That of a row of the view of runs."""
        shape = None if run["image_shape"] is None else tuple(run["image_shape"])
        return cls(run["data"], run["data_place"], run["likelihood"], run["variance"], shape)

    @property
    def title(self) -> str:
        """The kind in words, without the place."""
        words = [self.data]
        if self.shape is not None:
            channels, height, width = self.shape
            words.append(f"{height}×{width}{' RGB' if channels == 3 else ''}")
        variance = "" if self.variance is None else f", σ² = {self.variance:g}"
        return ", ".join([*words, f"{self.likelihood.capitalize()} likelihood{variance}"])


def by_kind(runs: Sequence[Row]) -> dict[Kind, list[Row]]:
    """Runs by their kind; one that has not begun to train is where it will belong.

    Args:
        runs: rows of the view of runs.
    """
    groups: dict[Kind, list[Row]] = {}
    for run in sorted(runs, key=lambda run: run["image_shape"] is None):
        kind = Kind.of(run)
        if kind.shape is None:
            alike = (known for known in groups if replace(known, shape=None) == kind)
            kind = next(alike, kind)
        groups.setdefault(kind, []).append(run)
    return groups


def titles(kinds: Sequence[Kind]) -> list[str]:
    """A title each; sets of one name in several places are told apart."""
    shared = [kind.title for kind in kinds]
    return [
        f"{kind.title} (place {kind.place[:6]})"
        if kind.place and shared.count(kind.title) > 1
        else kind.title
        for kind in kinds
    ]


def differing(values: Mapping[str, Any]) -> str:
    """Values by run in words, such as ``20 (a, b), 500 (c)``; empty if all are the same.

    Example:
        >>> differing({"a": 20, "b": 500, "c": 20}), differing({"a": 20, "b": 20})
        ('20 (a, c), 500 (b)', '')
    """
    runs: dict[str, list[str]] = {}
    for run, value in values.items():
        shown = (
            "default" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
        )
        runs.setdefault(shown, []).append(run)
    if len(runs) < 2:
        return ""
    return ", ".join(f"{value} ({', '.join(names)})" for value, names in runs.items())
