"""The curves of a running attack, drawn as those of the report."""

from collections.abc import Sequence

from matplotlib.ticker import MaxNLocator

from seatbelt_vae.app.attack_job import AttackJob, JobState
from seatbelt_vae.app.best_known import Frame
from seatbelt_vae.config.loss_files import declaration_of
from seatbelt_vae.report.drawing.axis import Axis
from seatbelt_vae.report.drawing.page_chart import PageChart
from seatbelt_vae.report.drawing.style import RAMP, Look, look

__all__ = ["budget_curve", "convergence"]

_UNIT = (0.0, 0.25, 0.5, 0.75, 1.0)
_SIZE = (380, 236)
_LETTERS = 0.075


def convergence(job: AttackJob, state: JobState, number: int) -> str:
    """The smallest loss within each budget, against evaluations of the loss."""
    frame = state.frame
    if frame is None:
        return ""
    curves, last = _losses(frame), max(frame.evaluations, 2)
    least, most = min(map(min, curves)), max(map(max, curves))
    if frame.start > 0 and least >= 0:
        y = Axis("smallest loss r / r₀", 0, 1.05, _UNIT)
    else:
        room = 0.05 * (most - least) or 1.0
        y = Axis("smallest loss r", least - room, most + room)
    ticks = [tick for tick in MaxNLocator(4).tick_values(0, last) if tick <= last]
    chart = PageChart(
        f"convergence-{number}",
        f"{job.subject.name}: smallest loss within each budget, against evaluations",
        Axis("evaluations of the loss", 0, 1.17 * last, ticks),
        y,
        size=_SIZE,
        left=58,
    )
    seen = [done for done, _ in frame.trace] + [last]
    for k, (epsilon, losses) in enumerate(zip(job.config.epsilons, curves, strict=True)):
        points = list(zip(seen, [*losses, losses[-1]], strict=True))
        colour = Look(RAMP[k % len(RAMP)], "o")
        chart.line(points, "line", colour, f"ε = {epsilon:g}: {losses[-1]:.3g}")
    places = _apart([losses[-1] for losses in curves], _LETTERS * (y.high - y.low), y)
    for epsilon, place in zip(job.config.epsilons, places, strict=True):
        chart.write(1.03 * last, place, f"{epsilon:g}")
    return chart.render()


def _apart(values: Sequence[float], least: float, axis: Axis) -> list[float]:
    """Positions near values, at least this far apart and inside the axis.

    Example:
        >>> axis = Axis("", 0.0, 1.0)
        >>> _apart([0.5, 0.5, 0.0], 0.25, axis), _apart([1.0, 1.0], 0.25, axis)
        ([0.75, 0.5, 0.25], [1.0, 0.75])
    """
    order = sorted(range(len(values)), key=lambda k: (values[k], -k))
    places, lowest = [0.0] * len(values), axis.low + least
    for k in order:
        places[k] = max(values[k], lowest)
        lowest = places[k] + least
    highest = axis.high
    for k in reversed(order):
        places[k] = min(places[k], highest)
        highest = places[k] - least
    return places


def budget_curve(jobs: Sequence[AttackJob], states: Sequence[JobState]) -> str:
    """The gap of the best distortion within each budget; without a gap, nothing."""
    known = [
        (number, job.subject.name, list(zip(job.config.epsilons, gaps, strict=True)))
        for number, (job, state) in enumerate(zip(jobs, states, strict=True))
        if (gaps := _gaps(job, state))
    ]
    if not known:
        return ""
    config = jobs[0].config
    far = max(config.epsilons) * 1.08
    ratio = "‖d‖₂ / ‖xₜ − x‖₂" if config.threat == "l2" else "‖d‖∞ / (hi − lo)"
    top = max(1.05, *(1.05 * gap for _, _, points in known for _, gap in points))
    chart = PageChart(
        "gaps",
        "Reconstruction gap against budget",
        Axis(f"budget ε = {ratio}", 0, far),
        Axis("gap", 0, top, _UNIT),
        size=_SIZE,
        left=58,
    )
    if config.threat == "l2":
        chart.line([(0, 1), (far, 1 - far)], "identity", title="1 − ε: a model that copies")
    for number, name, points in known:
        chart.line([(0, 1), *points], "line", look(number), name)
        chart.dots(points, "solid", look(number), [f"{name}: {gap:.3g}" for _, gap in points])
    return chart.render()


def _losses(frame: Frame) -> list[list[float]]:
    """The curve of each budget, over the loss at x if that is positive."""
    scale = frame.start if frame.start > 0 else 1.0
    traced = zip(*(losses for _, losses in frame.trace), strict=True)
    return [[value / scale for value in column] for column in traced]


def _gaps(job: AttackJob, state: JobState) -> list[float]:
    pair, frame = state.pair, state.frame
    if pair is None or frame is None or not pair.gap_is_defined:
        return []
    if not declaration_of(job.config.loss).targeted:
        return []
    return [float(gap) for gap in pair.gap(frame.reconstructions)]
