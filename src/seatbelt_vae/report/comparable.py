"""Groups models whose ELBOs are comparable: the same data set and the same likelihood."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["ComparisonKind", "by_kind", "differing", "titles"]

Row = dict[str, Any]


@dataclass(frozen=True)
class ComparisonKind:
    """Properties that models must share for their ELBOs to be compared.

    Args:
        data: name of the data set.
        place: digest of the images' path, for data sets that the name does not identify.
        likelihood, variance: distribution p(x|z), and the variance if it is Gaussian.
        shape: (C, H, W) of the images; None before training.
        reading: the levels and the background that the images were read with, as text.
    """

    data: str
    place: str | None
    likelihood: str | None
    variance: float | None
    shape: tuple[int, ...] | None
    reading: str = ""

    @classmethod
    def of(cls, run: Row) -> "ComparisonKind":
        """The kind of one row of the view ``runs``."""
        shape = None if run["image_shape"] is None else tuple(run["image_shape"])
        levels = {name: run.get(name) for name in ("black", "white", "background")}
        reading = ", ".join(f"{name} {v}" for name, v in levels.items() if v is not None)
        likelihood = run["likelihood"], run["variance"]
        return cls(run["data"], run["data_place"], *likelihood, shape, reading)

    @property
    def title(self) -> str:
        """The kind as text, without the place."""
        words = [self.data]
        if self.shape is not None:
            sides = "×".join(map(str, self.shape[1:] or self.shape))
            words.append(f"{sides}{' RGB' if self.shape[0] == 3 else ''}")
        words += [self.reading] if self.reading else []
        if self.likelihood is None:
            return ", ".join([*words, "no likelihood"])
        variance = "" if self.variance is None else f", σ² = {self.variance:g}"
        return ", ".join([*words, f"{self.likelihood.capitalize()} likelihood{variance}"])


def by_kind(runs: Sequence[Row]) -> dict[ComparisonKind, list[Row]]:
    """Group rows of the view ``runs`` by kind; an untrained run matches a kind of any shape."""
    groups: dict[ComparisonKind, list[Row]] = {}
    for run in sorted(runs, key=lambda run: run["image_shape"] is None):
        kind = ComparisonKind.of(run)
        if kind.shape is None:
            alike = (known for known in groups if replace(known, shape=None) == kind)
            kind = next(alike, kind)
        groups.setdefault(kind, []).append(run)
    return groups


def titles(kinds: Sequence[ComparisonKind]) -> list[str]:
    """One title per kind; titles that would be equal include the place."""
    plain = [kind.title for kind in kinds]
    return [
        f"{kind.title} (place {kind.place[:6]})"
        if kind.place and plain.count(kind.title) > 1
        else kind.title
        for kind in kinds
    ]


def differing(values: Mapping[str, Any]) -> str:
    """Distinct values with their runs, such as ``20 (a, b), 500 (c)``; empty if all are equal.

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
