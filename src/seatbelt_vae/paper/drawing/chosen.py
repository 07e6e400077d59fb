"""The models and the pair of a figure of pictures: the first suitable ones, never the best."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from seatbelt_vae.paper.drawing.drawn import Row, Rows
from seatbelt_vae.paper.drawing.looks import looks

__all__ = ["Shown", "choose_pair", "choose_runs", "least_middle_most"]


@dataclass(frozen=True)
class Shown:
    """A model of a figure of pictures.

    Args:
        panel: its data set.
        series: its kind.
        beta: β.
        size: its layers or latent units.
        run: its folder.
    """

    panel: str
    series: str
    beta: float
    size: str
    run: str


def choose_runs(rows: Rows) -> list[Shown]:
    """One run of each data set, series and β: the largest model, of the first training.

    Args:
        rows: of ``panel, series, x, depth, top_size, seed, run``.
    """
    order = list(looks(row["series"] for row in rows))

    def rank(row: Row) -> tuple[object, ...]:
        kind = (row["panel"], row["x"], order.index(row["series"]))
        return (*kind, -row["depth"], -row["top_size"], row["seed"], row["run"])

    found: dict[tuple[str, str, float], Shown] = {}
    for row in sorted(rows, key=rank):
        key = (row["panel"], row["series"], float(row["x"]))
        layers, latents = row["depth"], row["top_size"]
        size = f"L = {layers}" if layers > 1 else f"d_z = {latents}"
        found.setdefault(key, Shown(*key, size, row["run"]))
    return list(found.values())


def least_middle_most(betas: Iterable[float]) -> list[float]:
    """Three β, or as many as there are.

    Example:
        >>> least_middle_most([1, 2, 4, 6, 8, 10])
        [1, 4, 10]
    """
    ordered = sorted(set(betas))
    places = {0, (len(ordered) - 1) // 2, len(ordered) - 1}
    return [ordered[place] for place in sorted(places)]


def choose_pair(rows: Mapping[str, Rows], shown: Sequence[Shown]) -> tuple[int, bool]:
    """The first pair that every model tells apart under all protocols, and whether there is one.

    If there is none, the first pair that most of them tell apart.

    Args:
        rows: one per attack, by protocol.
        shown: the models.
    """
    runs = {one.run for one in shown}
    told: dict[int, set[tuple[str, str]]] = {}
    for protocol, found in rows.items():
        for row in found:
            if row["run"] in runs:
                telling = told.setdefault(row["item"], set())
                if row["told_apart"]:
                    telling.add((protocol, row["run"]))
    pair = min(told, key=lambda item: (-len(told[item]), item))
    return pair, len(told[pair]) == len(runs) * len(rows)
