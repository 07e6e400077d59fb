"""The frontier of defences: gaps against costs with the front, gaps against ε, and the table."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

from matplotlib.lines import Line2D

from seatbelt_vae.paper.drawing.captions import describe_range
from seatbelt_vae.paper.drawing.frontier_table import frontier_table
from seatbelt_vae.paper.drawing.sheet import Rows, Sheet
from seatbelt_vae.paper.front import COSTS, Kind, Place, kinds_of, places
from seatbelt_vae.paper.frontier import DefenceFigure, Excess, Frontier
from seatbelt_vae.report.drawing.axis import Axis, reach, span_of
from seatbelt_vae.report.drawing.chart import Chart, Points
from seatbelt_vae.report.drawing.layout import panel_grid
from seatbelt_vae.report.drawing.marks import entry
from seatbelt_vae.report.drawing.style import INK, SERIES, Look

__all__ = ["draw_frontier"]

_LOOKS = {
    "no defence": Look(SERIES[5], "o"),
    "denoising adversarial": Look(SERIES[0], "D"),
    "other defence": Look(SERIES[1], "s"),
}
_LINEAR = Look(SERIES[2], "^")
_DOTS: Mapping[Place, str] = {"front": "solid", "perhaps": "hollow", "dominated": "faint"}
_PLACES: Mapping[Place, str] = {
    "front": "on the front",
    "perhaps": "dominated, within the intervals",
    "dominated": "dominated",
}
_HEIGHT = 2.9
_HEADLINE = 0.2


def draw_frontier(figure: DefenceFigure, experiment: str, rows: Rows) -> Sheet:
    """The sheet of a figure, one panel per data set; that of `Excess` has the table."""
    kinds = kinds_of(rows, figure.order)
    panels = {
        name: [k for k in kinds if k.panel == name]
        for name in dict.fromkeys(k.panel for k in kinds)
    }
    if isinstance(figure, Frontier):
        return _draw_planes(figure, panels)
    assert isinstance(figure, Excess)
    return replace(_draw_excess(figure, panels), table=frontier_table(figure, experiment, kinds))


def look_of(kind: Kind, order: Sequence[str]) -> Look:
    """The look of a kind: a linear reference, no defence, or one of two sorts of defences."""
    if kind.is_linear:
        return _LINEAR
    if "denoising" in kind.series:
        return _LOOKS["denoising adversarial"]
    plain = kind.series == "VAE" or f"{kind.series} + denoising {_HEADLINE:g}" in order
    return _LOOKS["no defence" if plain else "other defence"]


def _draw_planes(figure: Frontier, panels: Mapping[str, Sequence[Kind]]) -> Sheet:
    axes = {name: _axes(figure, kinds) for name, kinds in panels.items()}
    canvas, charts = panel_grid(axes, _HEIGHT, figure.label, _legend(), columns=1)
    for chart, kinds in zip(charts, panels.values(), strict=True):
        _draw_plane(chart, figure, kinds)
    return Sheet(canvas, _caption(figure.epsilon, panels))


def _axes(figure: Frontier, kinds: Sequence[Kind]) -> tuple[Axis, Axis]:
    models, linear = ([k for k in kinds if k.is_linear == of] for of in (False, True))
    x, y = (
        span_of(reach(ours) or [0.0], reach(theirs), logarithmic=False)
        for ours, theirs in (
            ([k.cost[figure.measure] for k in some] for some in (models, linear)),
            ([k.gap[figure.epsilon] for k in some] for some in (models, linear)),
        )
    )
    identity = 1 - figure.epsilon
    high = max(y.high, identity + 0.05 * (identity - y.low))
    return replace(x, label=figure.x_label), replace(y, high=high)


def _draw_plane(chart: Chart, figure: Frontier, kinds: Sequence[Kind]) -> None:
    sign = COSTS[figure.measure]
    models = [kind for kind in kinds if not kind.is_linear]
    found = places(models, figure.epsilon, figure.measure)
    known = {
        k: (sign * p[0], p[1]) for k in kinds if (p := k.position(figure.epsilon, figure.measure))
    }
    identity = 1 - figure.epsilon
    chart.line(
        [(chart.x.low, identity), (chart.x.high, identity)], "identity", title="1 − ε: a copy"
    )
    for blend in [
        k.blend[figure.epsilon] for k in models if k.series == "VAE" and figure.epsilon in k.blend
    ]:
        chart.line([(chart.x.low, blend), (chart.x.high, blend)], "blend", title="blend, VAE")
    linear = sorted((place, kind.series) for kind, place in known.items() if kind.is_linear)
    chart.line([place for place, _ in linear], "reference", _LINEAR, "pPCA, by units")
    titles = [series for _, series in linear]
    chart.dots([place for place, _ in linear], "solid", _LINEAR, titles, 3)
    stairs = _stairs(chart, [p for k, p in known.items() if found.get(k.series) == "front"], sign)
    chart.line(stairs, "front", Look(INK, ""), "front")
    for kind in models:
        if kind in known:
            _draw_point(chart, figure, kind, known[kind], found[kind.series])


def _draw_point(
    chart: Chart, figure: Frontier, kind: Kind, point: tuple[float, float], place: Place
) -> None:
    look, (x, y) = look_of(kind, figure.order), point
    number = figure.order.index(kind.series) + 1
    chart.interval(kind.gap[figure.epsilon], "whisker", look, x=x)
    chart.interval(kind.cost[figure.measure], "whisker", look, y=y)
    title = f"{number} {kind.series}: {_PLACES[place]}, gap {y:.3f}, {figure.x_label} {x:.4g}"
    chart.dots([point], _DOTS[place], look, [title], 5)
    right = x + 0.012 * (chart.x.high - chart.x.low)
    up = y + 0.028 * (chart.y.high - chart.y.low)
    weight = "bold" if place == "front" else "normal"
    chart.write(right, up, str(number), fontsize=7, fontweight=weight, color=look.colour)


def _stairs(chart: Chart, front: Points, sign: int) -> Points:
    """The front as a step line: the worst cost on one side, the lowest gap on the other."""
    ordered = sorted((sign * x, y) for x, y in front)
    if not ordered:
        return []
    below = [*(y for _, y in ordered[1:]), chart.y.low]
    edges = [[(x, y), (x, lower)] for (x, y), lower in zip(ordered, below, strict=True)]
    worst = chart.x.low if sign > 0 else -chart.x.high
    return [(sign * x, y) for x, y in [(worst, ordered[0][1]), *chain(*edges)]]


def _draw_excess(figure: Excess, panels: Mapping[str, Sequence[Kind]]) -> Sheet:
    curves = {
        k: [(e, g.value - 1 + e) for e, g in k.gap.items() if g.value is not None]
        for kinds in panels.values()
        for k in kinds
    }
    values = [y for points in curves.values() for _, y in points]
    budgets = sorted({x for points in curves.values() for x, _ in points})
    x = Axis("ε", 0, max(budgets) * 1.06, budgets, lambda e: f"{e:g}")
    axes = {name: (x, span_of([0.0, *values], [], logarithmic=False)) for name in panels}
    entries = [
        *_looks("line"),
        entry("pPCA", _LINEAR, "reference"),
        entry("1 − ε", line="identity"),
    ]
    full_width = 5.9 if len(panels) == 1 else 9.6
    canvas, charts = panel_grid(
        axes, _HEIGHT, "gap − (1 − ε)", entries, columns=3, full_width=full_width
    )
    for chart, kinds in zip(charts, panels.values(), strict=True):
        chart.line([(0, 0), (x.high, 0)], "identity", title="1 − ε: a copy")
        models = [k for k in kinds if not k.is_linear]
        found = [places(models, _HEADLINE, measure) for measure in COSTS]
        for kind in kinds:
            on_front = any(of.get(kind.series) == "front" for of in found)
            style = "reference" if kind.is_linear else "line" if on_front else "thin"
            look = look_of(kind, figure.order)
            chart.line([(0.0, 0.0), *curves[kind]], style, look, kind.series)
            if on_front and curves[kind]:
                number = str(figure.order.index(kind.series) + 1)
                chart.write(
                    x.high * 0.955, curves[kind][-1][1], number, fontsize=7, color=look.colour
                )
    return Sheet(
        canvas,
        "Thick and numbered as in the table: kinds on a front at ε = 0.2. Above the line the model "
        "is harder to fool than a copy of its input.",
    )


def _legend() -> list[Line2D]:
    of_places = [entry(_PLACES[place], dots=dots) for place, dots in _DOTS.items()]
    lines = [
        entry("front", Look(INK, ""), "front"),
        entry("1 − ε: a copy of the input", line="identity"),
        entry("blending with the target, VAE", line="blend"),
        entry("pPCA of 2 to 64 units", _LINEAR, "reference"),
    ]
    return [*_looks("", "solid"), *of_places, *lines]


def _looks(line: str = "", dots: str = "") -> list[Line2D]:
    return [entry(name, look, line, dots) for name, look in _LOOKS.items()]


def _caption(epsilon: float, panels: Mapping[str, Sequence[Kind]]) -> str:
    found = [kind.gap[epsilon] for kinds in panels.values() for kind in kinds if not kind.is_linear]
    trainings = describe_range((gap.seeds for gap in found), "training")
    pairs = describe_range((gap.pairs for gap in found), "pair")
    bars = "trainings and pairs"
    if any(gap.of_these_models_only for gap in found):
        bars = "pairs, of these models only"
    return (
        f"Means over {trainings} and {pairs}. Bars: 95 % intervals over {bars}. A point is "
        "dominated if a point of the front is better in both; beyond the intervals if the interval "
        "of each difference excludes 0. Numbers: see the table."
    )
