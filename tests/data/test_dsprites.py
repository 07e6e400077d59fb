"""dSprites: bit for bit the published images, cached whole, read from the published file."""

import hashlib

import numpy as np
import pytest

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data import load_data
from seatbelt_vae.data.cache import read_records
from seatbelt_vae.data.readers.npz import NpzMember
from seatbelt_vae.data.sets import dsprites
from seatbelt_vae.data.sets.sprites import FACTOR_SIZES
from seatbelt_vae.errors import DataError, SeatbeltError

WHITE_PIXELS = 128_328_864
DISTINCT = 715_706


@pytest.fixture(scope="module")
def packed():
    return read_records(dsprites.preparation(DataConfig()).file()).rows["bits"]


def test_equals_the_published_samples_bit_for_bit(shared):
    with np.load(shared / "data" / "dsprites" / "dsprites_real_samples.npz") as samples:
        images, classes = samples["imgs"], samples["latents_classes"]
    data = load_data("dsprites")
    indices = np.ravel_multi_index(classes[:, 1:].T, FACTOR_SIZES)
    drawn = (data.train.read(indices)[:, 0] + 1) / 2
    assert len(images) == 273
    assert (drawn == images).all()
    assert data.train.factors_of is not None
    assert (data.train.factors_of(indices) == classes[:, 1:]).all()


def test_the_whole_set_has_the_known_totals(packed):
    assert int(np.bitwise_count(packed).sum()) == WHITE_PIXELS
    digests = {hashlib.blake2b(row, digest_size=12).digest() for row in packed}
    assert len(digests) == DISTINCT


def test_first_and_last_orientation_are_the_same_angle(packed):
    by_factor = packed.reshape(*FACTOR_SIZES, -1)
    assert (by_factor[:, :, 0] == by_factor[:, :, 39]).all()
    assert (by_factor[:, :, 0] != by_factor[:, :, 1]).any()


def test_moving_right_and_down_moves_the_picture_right_and_down():
    data = load_data("dsprites")
    corner = np.ravel_multi_index(
        ([1, 1, 1], [0] * 3, [0] * 3, [0, 31, 0], [0, 0, 31]), FACTOR_SIZES
    )
    here, right, down = (np.argwhere(i[0] > 0).mean(0) for i in data.train.read(corner))
    assert right - here == pytest.approx([0, 32], abs=1)
    assert down - here == pytest.approx([32, 0], abs=1)


def test_splits_are_disjoint_whole_and_stable():
    data = load_data("dsprites")
    together = np.concatenate([data.train.indices, data.test.indices])
    assert len(data.test) == 73_728
    assert len(np.unique(together)) == len(together) == 737_280
    expected = np.random.Generator(np.random.Philox(0)).permutation(737_280)
    assert (together == expected).all()
    assert (load_data("dsprites", None, 50).train.indices == expected[:50]).all()


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_an_array_is_read_block_by_block(tmp_path):
    array = np.arange(5 * 7, dtype=np.uint8).reshape(5, 7)
    path = npz(tmp_path / "a.npz", imgs=array)
    found = np.concatenate(list(NpzMember(path, "imgs", (5, 7), np.uint8).blocks()))
    assert (found == array).all()


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Writes a small file laid out like the published one, and gives its folder."""
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(dsprites, "FACTOR_SIZES", (1, 1, 2, 2, 2))
    monkeypatch.setattr(dsprites, "_COUNT", 8)
    factors = np.stack(np.unravel_index(np.arange(8), (1, 1, 2, 2, 2)), 1)
    classes = np.concatenate([np.zeros((8, 1), np.int64), factors], 1)

    def write(images, classes=classes):
        metadata = np.array({"pickled": 1})
        path = tmp_path / dsprites.PUBLISHED_FILE
        npz(path, imgs=images, latents_classes=classes, metadata=metadata)
        return tmp_path

    return write


def published(root):
    return DataConfig(root=str(root))


def bits(seed):
    return np.random.default_rng(seed).integers(0, 2, (8, 64, 64), np.uint8)


def test_the_published_file_is_preferred(publish):
    data = dsprites.load(published(publish(bits(0))))
    assert ((data.train.read(np.arange(8))[:, 0] + 1) / 2 == bits(0)).all()
    assert data.train.factors(np.arange(3)).shape == (3, 5)


def test_another_published_file_of_the_same_size_is_not_answered_from_the_cache(publish):
    for seed in (0, 1, 0):
        data = dsprites.load(published(publish(bits(seed))))
        assert ((data.train.read(np.arange(8))[:, 0] + 1) / 2 == bits(seed)).all()


def test_the_state_says_what_will_happen(publish, tmp_path):
    assert "will be drawn" in dsprites.preparation(DataConfig()).state
    root = publish(bits(0))
    source = root / dsprites.PUBLISHED_FILE
    assert f"will be packed from {source}" in dsprites.preparation(published(root)).state
    assert not (tmp_path / "cache").exists()
    dsprites.preparation(published(root)).file()
    assert dsprites.preparation(published(root)).state.startswith("ready in ")


def test_published_files_with_other_content_are_refused(publish, tmp_path):
    good = np.concatenate(
        [np.zeros((8, 1), int), np.stack(np.unravel_index(np.arange(8), (1, 1, 2, 2, 2)), 1)], 1
    )
    for images, classes, reason in (
        (2 * bits(0), good, "imgs has values up to 2, expected 0 and 1"),
        (bits(0), good[::-1], "not in the published order"),
        (bits(0)[:7], good, r"shape \(7, 64, 64\), expected uint8 of shape \(8, 64, 64\)"),
        (bits(0).astype(object), good, "imgs is object"),
    ):
        with pytest.raises(DataError, match=reason):
            dsprites.load(published(publish(images, classes)))
        assert not any((tmp_path / "cache").glob("*"))
        assert not any((tmp_path / "cache").glob(".*"))


@pytest.mark.parametrize("side", [32, 64])
def test_unpacking_is_what_numpy_unpacks(packed, side):
    some = packed[::7001]
    expected = np.unpackbits(some, axis=1, bitorder="little").reshape(-1, 64, 64) * 2.0 - 1
    expected = expected.reshape(-1, side, 64 // side, side, 64 // side).mean((2, 4))
    images = (dsprites.unpacked if side == 64 else dsprites.halved)(some)
    assert images.dtype == np.float32
    assert images.shape == (len(some), 1, side, side)
    assert (images[:, 0] == expected).all()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("dsprite",), "unknown data set 'dsprite': perhaps you meant 'dsprites'"),
        (("dsprites", "nowhere"), "no such folder: nowhere"),
        (("dsprites", None, 10**6), "1000000 training images asked for, the set has 663552"),
        (("swiss-roll", None, 0), "images is 0, expected a finite number above 0"),
        (("swiss-roll", None, -5), "images is -5, expected"),
        (("dsprites", None, None, 0), "image_size is 0, expected"),
        (("swiss-roll", None, None, 32), "has one size only"),
    ],
)
def test_bad_requests_are_named(arguments, text):
    with pytest.raises(SeatbeltError, match=text):
        load_data(*arguments)
