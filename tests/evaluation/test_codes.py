"""Rows of codes against the maps of the model."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from tests.evaluation.stand_ins import LinearAutoencoder, random_images, random_vae

from seatbelt_vae.config import EvaluationConfig
from seatbelt_vae.data import Factor, ImageData, Split, load_data
from seatbelt_vae.errors import DataError
from seatbelt_vae.evaluation.codes import code_rows

SETTINGS = EvaluationConfig(batch_size=7)
ROLL = load_data("swiss-roll")


def points(std: float) -> LinearAutoencoder:
    """Two units that are a linear map of the plane; the decoder inverts it."""
    turn = torch.tensor([[1.2, 0.5], [-0.5, 1.2]])
    return LinearAutoencoder(turn, turn.inverse(), std, (1, 1, 2))


def grey(count: int, shape: tuple[int, ...]) -> ImageData:
    images = np.zeros((count, *shape), np.float32)
    split = Split(np.arange(count), images.__getitem__)
    return ImageData("grey", (-1.0, 1.0), shape, split, split)


def test_the_swiss_roll_can_be_drawn_from_rows() -> None:
    model, positions = points(std=0.3), np.arange(800)[::-1].copy()
    rows = code_rows(model, ROLL, positions, SETTINGS)
    assert list(rows[0]) == ["image", "angle", "mean", "code", "pixels", "reconstruction"]
    assert [row["image"] for row in rows] == positions.tolist()
    x = ROLL.test.batch(positions)
    mean, code, pixels, shown = (
        torch.tensor([row[name] for row in rows])
        for name in ("mean", "code", "pixels", "reconstruction")
    )
    torch.testing.assert_close(pixels, x.flatten(1))
    torch.testing.assert_close(mean, model.encode(x).z[0])
    torch.testing.assert_close(shown, code @ model.decoder.T)  # of the draw, as in the paper
    assert [row["angle"] for row in rows] == ROLL.test.factors(positions)[:, 0].tolist()
    noise = ((code - mean) / 0.3).flatten().numpy()
    assert kstest(noise, "norm").pvalue > 0.01
    assert abs(np.corrcoef(noise[::2], noise[1::2])[0, 1]) < 0.12
    assert abs(np.corrcoef(noise[:-14], noise[14:])[0, 1]) < 0.1  # one batch and the next


def test_the_top_layer_of_several() -> None:
    model = random_vae((6, 4, 3))
    images = random_images(5, dtype=torch.float32)
    split = Split(np.arange(5), images.numpy().__getitem__)
    data = ImageData("toy", (-1.0, 1.0), tuple(images.shape[1:]), split, split)
    rows = code_rows(model, data, np.arange(5), EvaluationConfig(batch_size=5))
    assert list(rows[0]) == ["image", "mean", "code"]  # images of 256 pixels are not stored
    mean = torch.tensor([row["mean"] for row in rows])
    torch.testing.assert_close(mean, model.encode(images).z[-1])
    code = torch.tensor([row["code"] for row in rows])
    assert code.shape == (5, 3)
    assert not code.isclose(mean).any()


def test_a_code_is_drawn_through_the_whole_chain() -> None:
    """z¹ = x + ε₁, z² = 2z¹ + ε₂: a draw has variance 4 + 1, on the mean path 1."""

    class Two(LinearAutoencoder):
        latent_sizes = (2, 2)

        def encode(self, x: torch.Tensor, noise: object = None) -> object:
            below = super().encode(x, noise)
            above = LinearAutoencoder(2 * torch.eye(2), torch.eye(2), 1.0)
            top = above.encode(below.z[0], None if noise is None else (noise[1],))
            return type(below)((*below.layers, *top.layers), (*below.z, *top.z))

        def decode(self, z: tuple[torch.Tensor, ...]) -> object:
            return super().decode(z[:1])

    rows = code_rows(
        Two(torch.eye(2), torch.eye(2), 1.0, (1, 1, 2)), ROLL, np.arange(999), SETTINGS
    )
    moved = np.array([row["code"] for row in rows]) - np.array([row["mean"] for row in rows])
    assert moved.var() == pytest.approx(5, rel=0.1)


@pytest.mark.parametrize(("side", "stored"), [(8, True), (9, False)])
def test_images_of_up_to_64_values_are_stored(side: int, stored: bool) -> None:
    shape = (1, side, side)
    model = LinearAutoencoder(torch.zeros(2, side**2), torch.zeros(side**2, 2), 1.0, shape)
    (row,) = code_rows(model, grey(1, shape), np.arange(1), SETTINGS)
    assert ("pixels" in row, "reconstruction" in row) == (stored, stored)


def test_results_depend_on_the_seed_only() -> None:
    model, positions = points(std=0.3), np.arange(20)
    first = code_rows(model, ROLL, positions, SETTINGS)
    torch.manual_seed(4)
    assert code_rows(model, ROLL, positions, SETTINGS) == first
    other = code_rows(model, ROLL, positions, replace(SETTINGS, seed=1))
    assert all(a["mean"] == b["mean"] for a, b in zip(first, other, strict=True))
    assert all(a["code"] != b["code"] for a, b in zip(first, other, strict=True))


def test_a_factor_with_the_name_of_a_column_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        code_rows(points(1.0), replace(ROLL, factors=(Factor("code", 9),)), np.arange(3), SETTINGS)
    assert str(caught.value) == (
        "'swiss-roll' has a factor 'code', the name of a column of the codes: rename it, or leave "
        "codes out"
    )
