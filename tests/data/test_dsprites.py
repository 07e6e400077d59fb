"""dSprites: bit for bit the published images, cached whole, read from the published file."""

import hashlib
import io
import zipfile

import numpy as np
import pytest

from seatbelt_vae.data import bit_cache, dsprites, load
from seatbelt_vae.data.bit_cache import read_bits, write_bits
from seatbelt_vae.data.npz import NpzMember
from seatbelt_vae.data.sprites import FACTOR_SIZES
from seatbelt_vae.errors import ArtifactError, DataError

WHITE_PIXELS = 128_328_864
DISTINCT = 715_706


@pytest.fixture(scope="module")
def packed():
    path = dsprites.prepare_dsprites(None)
    return read_bits(path, (737_280, 512))


def test_equals_the_published_samples_bit_for_bit(shared):
    with np.load(shared / "data" / "dsprites" / "dsprites_real_samples.npz") as samples:
        images, classes = samples["imgs"], samples["latents_classes"]
    data = load("dsprites")
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
    data = load("dsprites")
    corner = np.ravel_multi_index(
        ([1, 1, 1], [0] * 3, [0] * 3, [0, 31, 0], [0, 0, 31]), FACTOR_SIZES
    )
    here, right, down = (np.argwhere(i[0] > 0).mean(0) for i in data.train.read(corner))
    assert right - here == pytest.approx([0, 32], abs=1)
    assert down - here == pytest.approx([32, 0], abs=1)


def test_splits_are_disjoint_whole_and_stable():
    data = load("dsprites")
    together = np.concatenate([data.train.indices, data.test.indices])
    assert len(data.test) == 73_728
    assert len(np.unique(together)) == len(together) == 737_280
    expected = np.random.Generator(np.random.Philox(0)).permutation(737_280)
    assert (together == expected).all()
    assert (load("dsprites", None, 50).train.indices == expected[:50]).all()


def test_half_size_is_the_mean_of_two_by_two_pixels():
    small, whole = load("dsprites", image_size=32), load("dsprites")
    positions = np.arange(20)
    expected = whole.train.batch(positions).view(20, 1, 32, 2, 32, 2).mean((3, 5))
    assert small.image_shape == (1, 32, 32)
    assert (small.train.batch(positions) == expected).all()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[:-100], "do not match its digest"),
        (lambda data: data[:300] + bytes([data[300] ^ 1]) + data[301:], "do not match its digest"),
        (lambda data: data[:50], "Unterminated|Expecting|delimiter"),
        (lambda _: b"", "Expecting value"),
        (lambda data: data.replace(b"[4, 64]", b"[9, 64]"), "holds images of shape"),
    ],
)
def test_a_damaged_cache_is_named(tmp_path, damage, reason):
    path = tmp_path / "set.bits"
    write_bits(path, [np.arange(256, dtype=np.uint8).reshape(4, 64)], 64)
    assert (read_bits(path, (4, 64)) == np.arange(256).reshape(4, 64)).all()
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=reason) as caught:
        read_bits(path, (4, 64))
    assert "delete it and run `seatbelt-vae data prepare`" in str(caught.value)


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bit_cache.os, "fsync", full)
    with pytest.raises(ArtifactError, match="No space left on device; free some space"):
        write_bits(tmp_path / "set.bits", [np.zeros((1, 64), np.uint8)], 64)
    assert not list(tmp_path.iterdir())


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_an_array_is_read_block_by_block(tmp_path):
    array = np.arange(5 * 7, dtype=np.uint8).reshape(5, 7)
    path = npz(tmp_path / "a.npz", imgs=array)
    found = np.concatenate(list(NpzMember(path, "imgs", (5, 7), np.uint8).blocks()))
    assert (found == array).all()


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((5, 8), np.uint8), r"uint8 of shape \(5, 8\), expected uint8 of shape \(5, 7\)"),
        (np.zeros((5, 7), np.int64), "int64 of shape"),
        (np.asfortranarray(np.ones((5, 7), np.uint8)), "imgs is uint8"),
        (np.array([[object()] * 7] * 5), "imgs is object"),
    ],
)
def test_other_arrays_are_refused(tmp_path, array, reason):
    path = npz(tmp_path / "a.npz", imgs=array)
    with pytest.raises(DataError, match=reason):
        list(NpzMember(path, "imgs", (5, 7), np.uint8).blocks())


def test_hostile_archives_are_refused(tmp_path):
    member = NpzMember(tmp_path / "a.npz", "imgs", (5, 7), np.uint8)
    member.path.write_bytes(b"not a zip")
    with pytest.raises(DataError, match="File is not a zip file"):
        list(member.blocks())
    npz(member.path, other=np.zeros(3))
    with pytest.raises(DataError, match="it has no array 'imgs'"):
        list(member.blocks())
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((5, 7), np.uint8))
    for content, reason in (
        (buffer.getvalue()[:-9], "imgs ends after 0 bytes|ends after 26 bytes"),
        (buffer.getvalue() + bytes(1000), "imgs is longer than its shape says"),
    ):
        with zipfile.ZipFile(member.path, "w") as archive:
            archive.writestr("imgs.npy", content)
        with pytest.raises(DataError, match=reason):
            list(member.blocks())


def test_the_published_file_is_preferred_and_checked(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(dsprites, "FACTOR_SIZES", (1, 1, 2, 2, 2))
    monkeypatch.setattr(dsprites, "_COUNT", 8)
    images = np.random.default_rng(0).integers(0, 2, (8, 64, 64), np.uint8)
    factors = np.stack(np.unravel_index(np.arange(8), (1, 1, 2, 2, 2)), 1)
    classes = np.concatenate([np.zeros((8, 1), np.int64), factors], 1)
    published = tmp_path / dsprites.PUBLISHED_FILE
    npz(published, imgs=images, latents_classes=classes, metadata=np.array({"pickled": 1}))
    data = dsprites.load_dsprites(tmp_path, None, None)
    assert ((data.train.read(np.arange(8))[:, 0] + 1) / 2 == images).all()
    npz(published, imgs=2 * images, latents_classes=classes)
    with pytest.raises(DataError, match="imgs has values up to 2, expected 0 and 1"):
        dsprites.load_dsprites(tmp_path, None, None)
    npz(published, imgs=images[:7], latents_classes=classes[::-1])
    with pytest.raises(DataError, match="not in the published order"):
        dsprites.load_dsprites(tmp_path, None, None)
    assert not list((tmp_path / "cache").glob(".*"))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("dsprite",), "unknown data set 'dsprite': perhaps you meant 'dsprites'"),
        (("dsprites", "nowhere"), "no such folder: nowhere"),
        (("dsprites", None, 10**6), "1000000 training images asked for, the set has 663552"),
        (("dsprites", None, None, 48), "expected image_size 64"),
        (("swiss-roll", None, None, 32), "has one size only"),
    ],
)
def test_bad_requests_are_named(arguments, text):
    with pytest.raises(DataError, match=text):
        load(*arguments)
