"""The experiment on attacked probes: its models, its factors, its figure and its table."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from seatbelt_vae.evaluation.two_way_bootstrap import Term, crossed_contrast
from seatbelt_vae.paper import DEFENCE_SIZES, DEFENCES, PROBED_DEFENCES
from seatbelt_vae.paper.drawing.probe_curves import draw_probes
from seatbelt_vae.paper.experiment_jobs import plan
from seatbelt_vae.paper.requested_models import _measurable
from tests.evaluation.downstream.quadrants import quadrants

BUDGETS = (0.0, 0.1, 0.2)
SERIES = ("VAE", "VAE + denoising 0.2")


def right(probe: str, series: str, epsilon: float, run: int, image: int) -> int:
    """Whether a made-up probe is right; defended models and smaller budgets more often."""
    limit = 0.9 - 2 * epsilon + 0.2 * ("denoising" in series) - 0.1 * (probe == "linear-codes")
    return int(np.random.default_rng([run, image]).random() < limit)


ROWS = [
    {
        "panel": "faces",
        "series": series,
        "probe": probe,
        "x": epsilon,
        "seed": run,
        "run": f"{series} {run}",
        "item": image,
        "value": right(probe, series, epsilon, run, image),
    }
    for probe, series, epsilon, run, image in product(
        ("conv-reconstruction", "linear-codes"), SERIES, BUDGETS, range(3), range(12)
    )
]


@pytest.mark.parametrize("size", DEFENCE_SIZES.values(), ids=DEFENCE_SIZES)
def test_probes_of_models_of_the_frontier_on_every_set(size):
    whole, alone = plan([DEFENCES, PROBED_DEFENCES], size), plan([DEFENCES], size)
    assert whole.jobs.keys() == alone.jobs.keys()
    probed = {p.label: p.series for p in whole.parts if p.experiment == PROBED_DEFENCES.id}
    assert set(probed.values()) == {
        *("VAE", "VAE + denoising 0.2", "Seatbelt-VAE", "Seatbelt-VAE + denoising 0.2"),
        "hardened encoder",
    }
    for label, job in whole.jobs.items():
        if label in probed:
            assert job.evaluation.optional_metrics == ("probes",)
            assert job.evaluation.downstream_factor == PROBED_DEFENCES.classified[job.run.data.name]
        else:  # as in folders that an earlier version made
            assert job.evaluation == alone.jobs[label].evaluation == size.evaluation


def test_a_set_without_factors_is_not_classified():
    job = next(iter(plan([PROBED_DEFENCES], DEFENCE_SIZES["smoke"]).jobs.values()))
    data = quadrants()
    named = replace(job, evaluation=replace(job.evaluation, downstream_factor="class"))
    assert _measurable(named, data).evaluation.optional_metrics == ("probes",)
    bare = replace(data, factors=())
    assert _measurable(named, bare).evaluation.optional_metrics == ()


def test_the_table_has_means_and_intervals_over_trainings_and_images():
    sheet = draw_probes(ROWS)
    assert sheet.table.head == ("model", "clean", "ε = 0.1", "ε = 0.2")
    names = [(row[0].note, row[0].text) for row in sheet.table.rows]
    assert names == list(
        product(("faces: linear, codes", "faces: convolutional, reconstructions"), SERIES)
    )
    for row, (probe, series) in zip(
        sheet.table.rows, product(("linear-codes", "conv-reconstruction"), SERIES), strict=True
    ):
        for cell, epsilon in zip(row[1:], BUDGETS, strict=True):
            values = np.array(
                [[right(probe, series, epsilon, run, i) for i in range(12)] for run in range(3)],
                dtype=float,
            )
            term = Term(1, tuple(f"{series} {run}" for run in range(3)), values)
            expected = crossed_contrast([term])
            assert cell.text == f"{values.mean():.2f}"
            low, high = max(expected.low, 0), min(expected.high, 1)
            assert cell.note == f"{low:.2f} … {high:.2f}"


def test_lines_are_drawn_at_the_means():
    canvas = draw_probes(ROWS).canvas
    titles = [axes.get_title("left") for axes in canvas.axes]
    assert titles == ["faces: linear, codes", "faces: convolutional, reconstructions"]
    for axes, probe in zip(canvas.axes, ("linear-codes", "conv-reconstruction"), strict=True):
        drawn = [line.get_ydata() for line in axes.get_lines() if len(line.get_xdata()) == 3]
        for series in SERIES:
            means = [
                np.mean([right(probe, series, e, r, i) for r in range(3) for i in range(12)])
                for e in BUDGETS
            ]
            assert any(np.allclose(values, means) for values in drawn)


def test_nothing_is_drawn_without_rows():
    assert draw_probes([{**ROWS[0], "value": None}]).canvas is None
