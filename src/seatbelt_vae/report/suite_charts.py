"""The charts of a report, drawn from the rows of all runs for one suite."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from seatbelt_vae.evaluation.bootstrap import Estimate, estimate
from seatbelt_vae.report.collect import Run
from seatbelt_vae.report.drawing.axis import Axis, power, superscript
from seatbelt_vae.report.drawing.chart import known_means
from seatbelt_vae.report.drawing.density import density
from seatbelt_vae.report.drawing.page_chart import PageChart
from seatbelt_vae.report.drawing.style import look, verbatim
from seatbelt_vae.report.image_panels import measured_runs

__all__ = [
    "attack_curve",
    "budget_curve",
    "damage_curve",
    "gauge",
    "sigma_density",
    "training_curve",
]

Row = dict[str, Any]
Floats = NDArray[np.float64]
Curve = dict[float, Estimate]

_UNIT = (0.0, 0.25, 0.5, 0.75, 1.0)
_BINS = 160
_GRID = 61


def gauge(row: Row, index: int) -> Markup | None:
    """Share of the way to the target: one mark per pair, their mean, and that of plain blending."""
    if row["moved"] is None:
        return None
    chart = PageChart(
        f"gauge-{index}",
        f"{row['model']}: moved {row['moved'] * 100:.0f} % of the way to the target",
        Axis("way to the target", -0.05, 1.05, (0, 0.5, 1), lambda share: f"{100 * share:.0f} %"),
        Axis("", 0, 1, ()),
        size=(270, 84),
        left=14,
    )
    chart.line([(0, 0.45), (1, 0.45)], "rail")
    blend = row["blend_gap@0.2"]
    if blend is not None:
        chart.line([(1 - blend, 0), (1 - blend, 0.9)], "blend-mark", title="plain blending")
    low, high = row["gap@0.2"]["low"], row["gap@0.2"]["high"]
    if low is not None and high is not None:
        ends = [(1 - high, 0.45), (1 - low, 0.45)]
        chart.line(ends, "interval", look(index), "95 % interval")
    points = [(1 - gap, 0.45) for gap in row["points"]]
    titles = [f"one pair: {x * 100:.0f} %" for x, _ in points]
    chart.dots(points, "faint", look(index), titles, 5)
    mean = f"mean: {row['moved'] * 100:.0f} %"
    chart.dots([(row["moved"], 0.45)], "solid", look(index), [mean], 8)
    return chart.render()


def budget_curve(runs: Sequence[Run], name: str | None) -> Markup | None:
    """Smallest gap within each budget ε, of blending and the identity too, and certificates."""
    known = measured_runs(runs, name)
    if not known:
        return None
    x = Axis("budget ε = ‖d‖ / ‖xₜ − x‖", 0, 0.52, (0, 0.1, 0.2, 0.3, 0.4, 0.5))
    chart = PageChart(
        "budgets", "Reconstruction gap against budget", x, Axis("gap", 0, 1.05, _UNIT)
    )
    chart.line([(0, 1), (0.52, 0.48)], "identity", title="1 − ε: a model that copies its input")
    for index, run, measured in known:
        rows = [row for row in measured.budgets if row["told_apart"]]
        chart.line([(0, 1), *known_means(_by(rows, "epsilon", "blend_gap"))], "blend", look(index))
        if certified := [row for row in rows if row.get("certified_gap") is not None]:
            bounds = known_means(_by(certified, "epsilon", "certified_gap"))
            title = f"{run.name}: certificate, no attack gets below"
            chart.line([(0, 1), *bounds], "ceiling", look(index), title)
    for index, run, measured in known:
        rows = [row for row in measured.budgets if row["told_apart"] and row["gap"] is not None]
        curve = _by(rows, "epsilon", "gap")
        chart.means(curve, look(index), run.name, start=(0.0, 1.0))
        if not any(found.low is not None for found in curve.values()):
            points = [(row["epsilon"], row["gap"]) for row in rows]
            titles = [f"{run.name}, pair {row['pair'] + 1}: {row['gap']:.3g}" for row in rows]
            chart.dots(points, "faint", look(index), titles, 3)
    return chart.render()


def attack_curve(runs: Sequence[Run], name: str | None) -> Markup | None:
    """Δ/r₀ and r/r₀ against λ in units of r₀/‖xₜ − x‖, with the trivial bound.

    If budgets limit the distortion, r/r₀ against ε. None for a loss without a floor.
    """
    shown = [
        (index, run, [row for row in run.suites[name].attacks if _has_ratio(row)])
        for index, run in enumerate(runs)
        if name in run.suites
    ]
    known = [entry for entry in shown if entry[2]]
    if name is None or not known:
        return None
    levels = [row["level_relative"] for _, _, rows in known for row in rows]
    low, high = min(levels), max(levels)
    penalty = not known[0][1].suites[name].config.within_budget
    if penalty:
        ticks = _powers_of_two(low, high)
        x = Axis("λ, relative: λ‖xₜ − x‖ / r₀", low, high, ticks, lambda v: power(v, 2), True)
        y = Axis("Δ / r₀", 0, 1.05, _UNIT)
        chart = PageChart("attack", "Attack objective against weight", x, y)
        grid = np.geomspace(low, high, _GRID)
        chart.line([(w, min(1.0, w)) for w in grid], "identity", title="trivial bound: min(1, λ)")
    else:
        x, y = Axis("budget ε", 0, high), Axis("r / r₀", 0, 1.05, _UNIT)
        chart = PageChart("attack", "Attack objective against budget", x, y)
    for index, run, rows in known:
        if penalty:
            ratio = _by_rank(rows, lambda row: row["divergence_ratio"])
            chart.line(known_means(ratio), "blend", look(index), f"{run.name}: r / r₀")
        chart.means(_by_rank(rows, _delta_ratio), look(index), run.name, markers=4)
    return chart.render()


def damage_curve(runs: Sequence[Run], name: str | None) -> Markup | None:
    """Output distance against input distortion; AUDDC is the area below."""
    known = measured_runs(runs, name)
    if not known:
        return None
    x = Axis("input distortion ‖d‖ / ‖xₜ − x‖", 0, 1)
    y = Axis("output distance from target", -0.1, 1.05, _UNIT)
    chart = PageChart("damage", "Distortion-damage curve", x, y)
    chart.line([(0, 1), (1, 0)], "identity", title="a model that copies its input")
    grid = np.linspace(0, 1, _GRID)
    for index, run, measured in known:
        drawn = ("told_apart_distortion", "distortion", "distance_relative")
        rows = [row for row in measured.attacks if all(row[name] is not None for name in drawn)]
        rows = [row for row in rows if row["told_apart_distortion"]]
        pairs = _grouped(rows, lambda row: row["pair"]).values()
        worst = [_running_minimum(pair, grid) for pair in pairs]
        curve = {float(g): estimate([w[k] for w in worst]) for k, g in enumerate(grid) if worst}
        points = [(row["distance_relative"], row["distortion"]) for row in rows]
        chart.dots(points, "faint", look(index), size=1.8)
        chart.means(curve, look(index), run.name, markers=10)
    return chart.render()


def training_curve(runs: Sequence[Run]) -> Markup | None:
    """The β = 1 ELBO of training batches (thin, binned) and of held-out images (points)."""
    splits = {
        (index, split): [(row["step"], row["elbo"]) for row in run.metrics if row["split"] == split]
        for index, run in enumerate(runs)
        for split in ("train", "validation")
    }
    known = {key: points for key, points in splits.items() if points}
    if not known:
        return None
    last = max(step for points in known.values() for step, _ in points)
    late = [elbo for points in known.values() for step, elbo in points if step > 0.15 * last]
    room = 0.06 * (max(late) - min(late)) or 1.0
    y = Axis("ELBO, nats per image", min(late) - room, max(late) + room)
    x = Axis("optimiser step", 0, last * 1.02)
    chart = PageChart("training", "ELBO against training step", x, y, left=64)
    for (index, split), points in known.items():
        ordered = sorted(points)
        if split == "train":
            chart.line(_binned(ordered), "thin", look(index), f"{runs[index].name}, training")
        else:
            titles = [f"{runs[index].name}, step {s}: {e:.4g} nats" for s, e in ordered]
            chart.line(ordered, "line", look(index), f"{runs[index].name}, held out")
            chart.dots(ordered, "solid", look(index), titles)
    return chart.render()


def sigma_density(runs: Sequence[Run]) -> Markup | None:
    """Density of ‖σ(x)‖₂/√d over test images: one ridge per layer, scaled to equal peaks."""
    ridges = [
        (index, layer, np.array([row["sigma_norm"][layer] for row in run.evaluation.sigma]))
        for index, run in enumerate(runs)
        if run.evaluation is not None and run.evaluation.sigma
        for layer in range(len(run.evaluation.sigma[0]["sigma_norm"]))
    ]
    if not ridges:
        return None
    sizes = [run.architecture["latent_sizes"] if run.architecture else [] for run in runs]
    scaled = [(i, layer, values / np.sqrt(sizes[i][layer])) for i, layer, values in ridges]
    high = max(1.05, *(float(values.max()) * 1.05 for *_, values in scaled))
    bases = [len(scaled) - k - 1.0 for k in range(len(scaled))]
    names = {
        base: f"{verbatim(runs[index].name[:18])} z{superscript(layer + 1)}"
        for base, (index, layer, _) in zip(bases, scaled, strict=True)
    }
    top = len(scaled) + 0.35
    chart = PageChart(
        "sigma",
        "Density of the posterior's standard deviation",
        Axis("‖σ(x)‖₂ / √d, one layer", 0, high),
        Axis("", -0.1, top, bases, lambda base: names[base]),
        size=(420, max(300, 60 + 40 * len(scaled))),
        left=128,
    )
    chart.line([(1, -0.1), (1, top)], "identity", title="1: the prior's width in the top layer")
    grid = np.linspace(0, high, 240)
    for base, (index, layer, values) in zip(bases, scaled, strict=True):
        found = density(values, grid)
        title = f"{runs[index].name}, layer {layer + 1}: median {np.median(values):.3g}"
        heights = base + 1.2 * found / found.max()
        ridge = list(zip(grid, heights, strict=True))
        chart.ridge(ridge, look(index), base, title)
    return chart.render()


def _grouped(rows: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return dict(sorted(groups.items()))


def _by(rows: Iterable[Row], x: str, y: str) -> Curve:
    """The mean of column y over pairs, at every value of column x."""
    kept = [row for row in rows if row[y] is not None]
    groups = _grouped(kept, lambda row: row[x])
    return {value: estimate([row[y] for row in group]) for value, group in groups.items()}


def _by_rank(rows: Sequence[Row], value: Callable[[Row], float]) -> Curve:
    """The mean over pairs at the k-th smallest λ, since relative λ may differ between pairs."""
    pairs = _grouped(rows, lambda row: row["pair"]).values()
    ordered = [sorted(pair, key=lambda row: row["level"]) for pair in pairs]
    curve = {}
    for ranked in zip(*ordered, strict=False):
        levels = np.array([row["level_relative"] for row in ranked])
        position = float(np.exp(np.log(levels).mean()))
        curve[position] = estimate([value(row) for row in ranked])
    return curve


def _powers_of_two(low: float, high: float) -> list[float]:
    """Every second power of two between low and high, or every eighth for a wide range."""
    every = 2 if high / low < 2**16 else 8
    first, last = np.ceil(np.log2(low) - 1e-9), np.floor(np.log2(high) + 1e-9)
    return [2.0**e for e in range(int(first), int(last) + 1) if e % every == 0]


def _has_ratio(row: Row) -> bool:
    """Whether a row has a place in the chart: not λ = 0, nor a loss without a floor."""
    drawn = ("level_relative", "delta", "divergence_start", "divergence_floor", "divergence_ratio")
    return all(row[name] is not None for name in drawn) and row["level_relative"] > 0


def _delta_ratio(row: Row) -> float:
    floor: float = row["divergence_floor"]
    return float((row["delta"] - floor) / max(row["divergence_start"] - floor, 1e-300))


def _running_minimum(rows: Sequence[Row], grid: Floats) -> Floats:
    """Running minimum of the output distance over the input distance, interpolated as in AUDDC."""
    inside = [row for row in rows if row["distance_relative"] <= 1 + 1e-6]
    x = np.array([0.0, *(min(row["distance_relative"], 1.0) for row in inside)])
    y = np.array([1.0, *(row["distortion"] for row in inside)])
    order = np.lexsort((y, x))
    lowest = np.minimum.accumulate(y[order])
    return np.interp(grid, x[order], lowest)


def _binned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    parts = np.array_split(np.array(points, dtype=np.float64), min(_BINS, len(points)))
    return [(float(part[:, 0].mean()), float(part[:, 1].mean())) for part in parts]
