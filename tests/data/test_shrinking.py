"""Sets at a fraction of their size, against whole numbers, Pillow and float64."""

import numpy as np
import pytest
from PIL import Image

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data import load_data
from seatbelt_vae.data.downsampling import block_means, block_side, mean_bytes
from seatbelt_vae.data.image_records import About, image_record, stored_set
from seatbelt_vae.data.sets import chairs, faces
from seatbelt_vae.errors import DataError

from .written_sets import written

BYTES = np.random.default_rng(0).integers(0, 256, (5, 3, 56, 84), np.uint8)


@pytest.mark.parametrize("block", [1, 2, 4, 7, 14, 28])
def test_means_of_bytes_are_rounded_half_up(block):
    area = block * block
    blocks = BYTES.reshape(5, 3, 56 // block, block, 84 // block, block)
    expected = (2 * blocks.sum((3, 5), dtype=np.int64) + area) // (2 * area)
    found = mean_bytes(BYTES, block)
    assert found.dtype == np.float32
    assert (found == expected).all()


@pytest.mark.parametrize("block", [2, 4])
def test_means_of_bytes_are_those_of_pillow(block):
    for channel, levels in zip(BYTES[:, 0], mean_bytes(BYTES, block)[:, 0], strict=True):
        assert (levels == np.asarray(Image.fromarray(channel).reduce(block))).all()


@pytest.mark.parametrize("block", [1, 2, 7])
def test_means_of_floats_are_not_rounded(block):
    images = np.random.default_rng(1).standard_normal((2, 3, 28, 42)).astype(np.float32)
    blocks = images.astype(np.float64).reshape(2, 3, 28 // block, block, 42 // block, block)
    assert np.abs(block_means(images, block) - blocks.mean((3, 5))).max() < 1e-6


@pytest.mark.parametrize("size", [64, 32, 16, 2, 1])
def test_sprites_become_grey(size):
    small, whole = load_data("dsprites", image_size=size), load_data("dsprites")
    positions = np.arange(20)
    block = 64 // size
    expected = whole.train.batch(positions).view(20, 1, size, block, size, block).mean((3, 5))
    assert small.image_shape == (1, size, size)
    assert (small.train.batch(positions) == expected).all()
    assert small.notes == ((f"means of {block}×{block} pixels",) if block > 1 else ())


@pytest.mark.parametrize(
    ("name", "size", "shape"),
    [
        ("chairs", 32, (1, 32, 32)),
        ("faces", 16, (1, 16, 16)),
        ("fashion-mnist", 14, (1, 14, 14)),
        ("mnist", 28, (1, 28, 28)),
        ("array", 6, (3, 6, 8)),
        ("array", 3, (3, 3, 4)),
    ],
)
def test_every_set_is_had_at_a_fraction_of_its_size(tmp_path, monkeypatch, name, size, shape):
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(faces, "FACTOR_SIZES", (5, 3, 2, 2))
    asked = written(name, tmp_path / "set")
    whole, small = load_data(*asked), load_data(*asked, image_size=size)
    assert small.image_shape == shape
    assert (small.factors, small.bounds) == (whole.factors, whole.bounds)
    block = whole.image_shape[1] // size
    for before, after in ((whole.train, small.train), (whole.test, small.test)):
        positions = np.array([3, 0, 1])
        assert (before.indices == after.indices).all()
        assert (before.factors(positions) == after.factors(positions)).all()
        values = before.batch(positions).double().numpy()
        blocks = values.reshape(3, shape[0], shape[1], block, shape[2], block).mean((3, 5))
        # rounded to one of 255 steps from -1 to 1
        assert np.abs(after.batch(positions).numpy() - blocks).max() <= 1 / 255 + 1e-6


def test_what_is_drawn_at_a_size_is_left_at_it():
    rows = np.zeros(4, image_record((1, 20, 20)))
    rows["image"] = np.random.default_rng(0).integers(0, 256, (4, 1, 20, 20))
    for size in (None, 20):
        data = stored_set(rows, About(), DataConfig("folder", image_size=size))
        assert (data.train.read(np.arange(4)) == rows["image"] / np.float32(127.5) - 1).all()
        assert data.notes == ()


@pytest.mark.parametrize(
    ("shape", "asked", "expected"),
    [
        ((64, 64), 48, "'array' at 48 pixels: its images have 64×64, expected an image_size of 64, "
                       "32, 16, 8, 4, 2, 1"),
        ((28, 28), 56, "'array' at 56 pixels: its images have 28×28, expected an image_size of 28, "
                       "14, 7, 4, 2, 1"),
        ((28, 42), 7, "'array' at 7 pixels: its images have 28×42, expected an image_size of 28, "
                      "14, 4, 2"),
    ],
)  # fmt: skip
def test_other_sizes_are_refused(shape, asked, expected):
    for height, width in (shape, shape[::-1]):
        with pytest.raises(DataError) as caught:
            block_side(DataConfig("array", image_size=asked), height, width)
        assert str(caught.value) == expected.replace("×".join(map(str, shape)), f"{height}×{width}")


@pytest.mark.parametrize("module", [chairs, faces])
def test_a_wrong_size_is_refused_before_anything_is_drawn(tmp_path, monkeypatch, module):
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))
    name, root = written(module.__name__.rpartition(".")[2], tmp_path / "set")
    with pytest.raises(DataError, match="at 48 pixels: its images have 64×64"):
        load_data(name, root, image_size=48)
    assert not (tmp_path / "cache").exists()
