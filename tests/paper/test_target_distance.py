"""‖x* − x_t‖: measured, drawn in figure E.9, and left out of older runs without it."""

import pytest
import torch

from seatbelt_vae.config import AttackConfig
from seatbelt_vae.evaluation.robustness import measure_pair
from seatbelt_vae.paper.drawing import draw
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.sizes import SIZES
from tests.evaluation.stand_ins import attack_rows, random_images, random_linear
from tests.paper.made_up import MadeUp, made_up

FIGE9 = EXPERIMENTS["figE9"]
(FIGURE,) = [figure for figure in FIGE9.figures if figure.name == "target_distance_latent"]


@pytest.fixture(scope="module")
def store() -> MadeUp:
    return made_up([FIGE9], SIZES["smoke"], pairs=2)


def test_a_row_has_the_distance_of_the_images_themselves():
    x, target, other = random_images(3)
    star = torch.stack([x, other, target])
    rows = attack_rows(0, 3)
    found = measure_pair(random_linear(), x, target, star, rows, AttackConfig(fresh_draws=2)).rows
    expected = [torch.dist(image, target).item() for image in star]
    assert [row["target_distance"] for row in found] == pytest.approx(expected, abs=1e-12)


def test_figure_e9_draws_its_mean_over_the_levels_of_a_pair(store, tmp_path):
    rows = store.query(FIGURE.query("figE9", "strong")).to_pylist()
    levels = (2.0**-20, 1.0, 2.0**20)
    means = {pair: 10 + pair + sum(levels) / 3 for pair in (0, 1)}
    assert len(rows) == 2 * len(list(FIGE9.members(SIZES["smoke"])))
    assert all(row["value"] == pytest.approx(means[row["item"]]) for row in rows)
    assert all(drawn.file for drawn in draw(FIGURE, FIGE9, store, tmp_path, tmp_path))


def test_suites_measured_before_have_nothing_to_draw(store, tmp_path):
    before = [{**row, "target_distance": None} for row in store.views["attacks"]]
    for drawn in draw(
        *(FIGURE, FIGE9), MadeUp({**store.views, "attacks": before}), tmp_path, tmp_path
    ):
        assert drawn.file is None
        assert drawn.caption == "Nothing to draw: the rows hold no numbers."
