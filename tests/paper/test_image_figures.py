"""Figures of images: the right pair, attack and model."""

import numpy as np
import pytest
import torch

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.evaluation.gap import reconstruct
from seatbelt_vae.models import load_model
from seatbelt_vae.paper.drawing.choice import choose_pair, choose_runs
from seatbelt_vae.paper.drawing.image_figures import draw_attacks, draw_reconstructions
from seatbelt_vae.paper.drawing.pictures import attack_pictures
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.sizes import SIZES
from seatbelt_vae.runs import RunFolder
from tests.paper.made_up import made_up
from tests.paper.made_up_runs import disc, write_runs


@pytest.fixture(scope="module")
def store():
    return made_up([EXPERIMENTS["fig1"]], SIZES["small"])


@pytest.fixture(scope="module")
def runs(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    write_runs(folder, store)
    return folder


@pytest.fixture(scope="module")
def rows(store):
    (figure,) = EXPERIMENTS["fig1"].figures
    return {p: store.query(figure.query("fig1", p)).to_pylist() for p in ("paper", "strong")}


def of_pair(rows, series, pair):
    return [row for row in rows if (row["series"], row["item"]) == (series, pair)]


def test_the_published_attack_is_the_row_of_smallest_delta(rows, runs):
    own = of_pair(rows["paper"], "β-TCVAE", 1)
    found = attack_pictures(runs, own[::-1], "paper")
    assert torch.equal(found.x, disc(2))
    assert torch.equal(found.target, disc(3))
    assert torch.equal(found.adversarial, torch.lerp(disc(2), disc(3), 0.6))  # of the smallest λ
    model = load_model(RunFolder.open(runs / own[0]["run"]))
    with torch.no_grad():
        made = reconstruct(model, torch.stack([found.x, found.adversarial]))
    torch.testing.assert_close(found.reconstruction, made[0])
    torch.testing.assert_close(found.its_reconstruction, made[1])


def test_the_strong_attack_is_the_best_within_half_the_distance(rows, runs):
    found = attack_pictures(runs, of_pair(rows["strong"], "Seatbelt-VAE", 1), "strong")
    torch.testing.assert_close(found.adversarial, torch.lerp(disc(2), disc(3), 0.5))
    torch.testing.assert_close(found.its_reconstruction, 0.5 * found.adversarial)
    assert (found.distance, found.gap) == (0.5, 0.5)


def test_the_pair_is_the_first_that_all_models_tell_apart(rows):
    shown = choose_runs(rows["paper"] + rows["strong"])
    assert [one.series for one in shown] == ["VAE", "β-TCVAE", "Seatbelt-VAE"]
    assert choose_pair(rows, shown) == (1, True)
    one_less = [
        {**row, "told_apart": row["told_apart"] and row["series"] != "VAE"}
        for row in rows["strong"]
    ]
    assert choose_pair({**rows, "strong": one_less}, shown) == (1, False)


def test_of_several_models_the_largest_of_the_first_training_is_shown():
    about = {"panel": "p", "series": "Seatbelt-VAE", "x": 1.0, "depth": 4, "top_size": 6}
    rows = [
        {**about, "seed": 0, "run": "shallow", "depth": 2},
        {**about, "seed": 1, "run": "later"},
        {**about, "seed": 0, "run": "first"},
    ]
    (shown,) = choose_runs(rows)
    assert (shown.run, shown.size) == ("first", "L = 4")


def test_a_line_a_model_with_six_pictures(rows, runs):
    sheets = draw_attacks(rows, runs)
    for strength, sheet in sheets.items():
        assert len(sheet.canvas.axes) == 3 * 6
        assert sheet.caption.startswith("Pair 2, the first that all models tell apart")
        tiles = [axes.images[0].get_array() for axes in sheet.canvas.axes[:6]]
        pixels = ((disc(2)[0] + 1) / 2 * 255).numpy().astype(np.uint8)
        np.testing.assert_array_equal(tiles[0][..., 0], pixels)
        moved = (0.6 if strength == "paper" else 0.5) * (disc(3) - disc(2))[0].numpy()
        blue, orange = tiles[2][..., 2] == 205, tiles[2][..., 0] == 224
        np.testing.assert_array_equal(orange & (tiles[2][..., 3] > 0), moved > 0)
        np.testing.assert_array_equal(blue & (tiles[2][..., 3] > 0), moved < 0)
        assert tiles[2][..., 3].max() == 255


def test_pictures_that_are_elsewhere_are_said_to_be(rows, tmp_path):
    sheet = draw_attacks(rows, tmp_path)["strong"]
    assert (sheet.canvas, sheet.caption[:32]) == (None, "The images are in the run folder")


def test_a_file_without_its_pictures_is_an_error(rows, runs, tmp_path):
    own = of_pair(rows["strong"], "VAE", 1)
    folder = tmp_path / own[0]["run"] / "attacks" / own[0]["suite"] / "budgets"
    folder.mkdir(parents=True)
    source = runs / own[0]["run"]
    (tmp_path / own[0]["run"] / "model.json").write_bytes((source / "model.json").read_bytes())
    stored = source / "attacks" / own[0]["suite"]
    rows_file = stored / "budgets" / "pair-00001.parquet"
    (folder / "pair-00001.parquet").write_bytes(rows_file.read_bytes())
    images = (stored / "pair-00001.safetensors").read_bytes()
    (folder / "pair-00001.safetensors").write_bytes(images)
    with pytest.raises(ArtifactError, match="lacks reconstruction_x, reconstruction: delete it"):
        attack_pictures(tmp_path, own, "strong")


def test_clean_reconstructions_are_those_that_were_stored(runs, store):
    rows = [
        {**row, "panel": row["data"], "series": row["preset"], "x": row["beta"]}
        for row in store.views["runs"]
    ]
    sheet = draw_reconstructions(rows, runs)
    above, below = (axes.images[0].get_array() for axes in sheet.canvas.axes[:2])
    assert above.shape == (16, 6 * 16, 3)
    white, black = above[..., 0] == 255, above[..., 0] == 0
    assert (white | black).all()
    np.testing.assert_array_equal(np.unique(below[white]), [190])  # 0.5 of [−1, 1], in 64 shades
    np.testing.assert_array_equal(np.unique(below[black]), [65])
    assert sheet.canvas.axes[0].get_title() == "chairs"
