"""The models and the pair of a figure of images: the first that qualify, never the best."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from seatbelt_vae.paper.drawing.looks import looks
from seatbelt_vae.paper.drawing.sheet import Row, Rows

__all__ = ["ShownModel", "choose_pair", "choose_runs", "least_middle_most"]


@dataclass(frozen=True)
class ShownModel:
    """A model of a figure of images.

    Args:
        panel: the data set.
        series: the kind of model.
        beta: β.
        size: number of layers or latent units.
        run: name of the run folder.
    """

    panel: str
    series: str
    beta: float
    size: str
    run: str


def choose_runs(rows: Rows) -> list[ShownModel]:
    """One run per data set, series and β: the largest model, first training.

    Args:
        rows: rows of ``panel, series, x, depth, top_size, seed, run``.
    """
    order = list(looks(row["series"] for row in rows))

    def rank(row: Row) -> tuple[object, ...]:
        kind = (row["panel"], row["x"], order.index(row["series"]))
        return (*kind, -row["depth"], -row["top_size"], row["seed"], row["run"])

    models: dict[tuple[str, str, float], ShownModel] = {}
    for row in sorted(rows, key=rank):
        key = (row["panel"], row["series"], float(row["x"]))
        layers, latents = row["depth"], row["top_size"]
        size = f"L = {layers}" if layers > 1 else f"d_z = {latents}"
        models.setdefault(key, ShownModel(*key, size, row["run"]))
    return list(models.values())


def least_middle_most(betas: Iterable[float]) -> list[float]:
    """Three values of β, or all of fewer.

    Example:
        >>> least_middle_most([1, 2, 4, 6, 8, 10])
        [1, 4, 10]
    """
    ordered = sorted(set(betas))
    places = {0, (len(ordered) - 1) // 2, len(ordered) - 1}
    return [ordered[place] for place in sorted(places)]


def choose_pair(rows: Mapping[str, Rows], models: Sequence[ShownModel]) -> tuple[int, bool]:
    """The first pair that all models tell apart under all strengths, and whether there is one.

    If there is none, the first of the pairs that most models tell apart.

    Args:
        rows: one row per attack, by strength.
        models: the models of the figure.
    """
    runs = {model.run for model in models}
    telling: dict[int, set[tuple[str, str]]] = {}
    for strength, attacks in rows.items():
        for row in attacks:
            if row["run"] in runs:
                by_pair = telling.setdefault(row["item"], set())
                if row["told_apart"]:
                    by_pair.add((strength, row["run"]))
    pair = min(telling, key=lambda item: (-len(telling[item]), item))
    return pair, len(telling[pair]) == len(runs) * len(rows)
