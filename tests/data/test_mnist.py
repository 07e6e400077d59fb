"""MNIST and its relatives: what the files hold, where they are looked for, what is refused."""

import gzip
import os
import tracemalloc

import numpy as np
import pytest

from seatbelt_vae.data import load_data
from seatbelt_vae.data.readers.idx import read_idx
from seatbelt_vae.data.sets import mnist
from seatbelt_vae.errors import DataError

from .written_sets import fashion_mnist, idx
from .written_sets import mnist as unpacked_mnist

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
WHOLE = idx(IMAGES)
PACKED = gzip.compress(WHOLE, mtime=0)


def read(path):
    return read_idx(path, (3, 4), 5)


@pytest.mark.parametrize("content", [WHOLE, PACKED], ids=["plain", "packed"])
def test_the_array_is_read_whatever_the_file_is_called(tmp_path, content):
    path = tmp_path / "images ü.bin"
    path.write_bytes(content)
    assert (read(path) == IMAGES).all()


def test_labels_have_no_further_axes(tmp_path):
    (tmp_path / "a").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9]))
    assert read_idx(tmp_path / "a", (), 3).tolist() == [7, 0, 9]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it starts with nothing, expected 00 00 08"),
        (b"\x00\x00", "it starts with 00 00, expected"),
        (b"\x89PNG" + WHOLE, "it starts with 89 50 4e 47, expected 00 00 08"),
        (b"\x00\x00\x07" + WHOLE[3:], "it starts with 00 00 07 03"),
        (b"\x00\x00\x0d" + WHOLE[3:], "it holds 32-bit floats, expected unsigned bytes"),
        (b"\x00\x00\x09" + WHOLE[3:], "it holds signed bytes, expected"),
        (WHOLE[:11], "it ends inside its header"),
        (idx(IMAGES[:0]), r"it has shape \(0, 3, 4\), expected \(N, 3, 4\) with N from 1 to 5"),
        (
            idx(np.zeros((6, 3, 4), np.uint8)),
            r"it has shape \(6, 3, 4\), expected \(N, 3, 4\) with N",
        ),
        (idx(IMAGES.transpose(0, 2, 1)), r"it has shape \(2, 4, 3\), expected \(N, 3, 4\)"),
        (idx(IMAGES[0]), r"it has shape \(3, 4\), expected \(N, 3, 4\)"),
        (WHOLE[:4] + b"\xff" * 4 + WHOLE[8:], r"it has shape \(4294967295, 3, 4\), expected"),
        (WHOLE[:-1], "it ends after 23 of 24 values"),
        (WHOLE + b"\0", "it goes on after the 24 values it states"),
        (gzip.compress(WHOLE[:-1], mtime=0), "it ends after 23 of 24 values"),
        (gzip.compress(WHOLE + b"\0", mtime=0), "it goes on after the 24 values"),
        (PACKED + PACKED, "it goes on after the 24 values"),
        (PACKED[:-1], "its gzip stream is cut short"),
        (PACKED[:20], "its gzip stream is cut short"),
        (PACKED[:2], "its gzip stream is cut short"),
        (PACKED + b"more", "its gzip stream is corrupt: Not a gzipped file"),
        (PACKED[:-8] + bytes(4) + PACKED[-4:], "its gzip stream is corrupt: CRC check failed"),
        (PACKED[:10] + b"\xff" + PACKED[11:], "its gzip stream is corrupt: Error -3"),
    ],
)
def test_damaged_files_are_named(tmp_path, content, reason):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{path.name} is no usable idx file: {reason}") as caught:
        read(path)
    assert str(caught.value).endswith("; put the published file there anew")


def test_any_damage_is_an_error_or_harmless(tmp_path):
    path = tmp_path / "a"
    rng = np.random.default_rng(0)
    for place in range(len(PACKED)):
        damaged = bytearray(PACKED)
        damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            found = read(path)
        except DataError:
            continue
        assert (found == IMAGES).all()


def test_a_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(WHOLE)
        for _ in range(100):
            file.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(DataError, match="it goes on after the 24 values"):
        read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 << 20


def test_what_is_no_file_is_not_opened(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe", "nothing"):
        with pytest.raises(DataError, match=f"{name} is no usable idx file: it is not a file"):
            read(tmp_path / name)


def test_the_images_are_those_of_the_files_in_their_order(tmp_path):
    name, root = unpacked_mnist(tmp_path)
    data = load_data(name, root)
    for split, part in ((data.train, "train"), (data.test, "t10k")):
        content = (root / f"{part}-images-idx3-ubyte").read_bytes()
        images = np.frombuffer(content, np.uint8, offset=16).reshape(-1, 1, 28, 28)
        labels = np.frombuffer((root / f"{part}-labels-idx1-ubyte").read_bytes()[8:], np.uint8)
        every = np.arange(len(split))
        assert np.allclose(split.batch(every).numpy(), images / 127.5 - 1, atol=1e-6)
        assert (split.factors(every)[:, 0] == labels).all()
    assert data.factors[0].values == tuple("0123456789")


def test_packed_and_unpacked_files_are_the_same_set(tmp_path):
    (tmp_path / "FashionMNIST" / "raw").mkdir(parents=True)
    fashion_mnist(tmp_path / "FashionMNIST" / "raw")
    (tmp_path / "b").mkdir()
    packed, plain = load_data("fashion-mnist", tmp_path), load_data(*unpacked_mnist(tmp_path / "b"))
    every = np.arange(60)
    assert (packed.train.batch(every) == plain.train.batch(every)).all()
    assert packed.factors[0].values[9] == "Ankle boot"


@pytest.fixture
def nothing_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mnist, "_INSTALLED", tmp_path / "installed")
    return tmp_path


FILES = (
    r"put train-images-idx3-ubyte\(.gz\), train-labels-idx1-ubyte\(.gz\), "
    r"t10k-images-idx3-ubyte\(.gz\), t10k-labels-idx1-ubyte\(.gz\) there"
)


@pytest.mark.parametrize(
    ("name", "advice"),
    [("fashion-mnist", "`apt install dataset-fashion-mnist`, or "), ("mnist", "")],
)
def test_a_missing_set_says_what_to_do(nothing_installed, name, advice):
    usual = nothing_installed / "cache" / name
    with pytest.raises(DataError) as caught:
        load_data(name)
    assert str(caught.value) == (
        f"{usual} lacks files of {name!r}: {advice}"
        + FILES.replace("\\", "")
        + ", or elsewhere and give that as root"
    )
    with pytest.raises(DataError, match=f"lacks files of '{name}': {advice}{FILES}$"):
        load_data(name, nothing_installed)


@pytest.mark.parametrize("place", ["cache", "installed"])
def test_the_usual_places_are_looked_at(nothing_installed, place):
    folder = nothing_installed / place / "fashion-mnist"
    folder.mkdir(parents=True)
    fashion_mnist(folder)
    assert len(load_data("fashion-mnist").train) == 60
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="dataset-fashion-mnist"):
        load_data("fashion-mnist")


def test_names_with_a_dot_are_the_same_files(tmp_path):
    fashion_mnist(tmp_path)
    for path in list(tmp_path.iterdir()):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        (tmp_path / path.name.removesuffix(".gz").replace("-idx", ".idx")).write_bytes(content)
        path.unlink()
    assert len(load_data("fashion-mnist", tmp_path).train) == 60


def test_only_what_is_missing_is_asked_for(tmp_path):
    fashion_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"or put t10k-labels-idx1-ubyte\(.gz\) there$"):
        load_data("fashion-mnist", tmp_path)


def test_files_that_do_not_fit_each_other(tmp_path):
    unpacked_mnist(tmp_path)
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.write_bytes(idx(np.zeros(59, np.uint8)))
    with pytest.raises(DataError, match=r"idx1-ubyte has 59 labels for the 60 images of .*idx3"):
        load_data("mnist", tmp_path)
    labels.write_bytes(idx(np.arange(60, dtype=np.uint8)))
    with pytest.raises(DataError, match="idx1-ubyte: label 10 at 10, expected 0 to 9"):
        load_data("mnist", tmp_path)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"image_size": 32}, "'mnist' at 32 pixels: its images have 28×28, expected an image_size"),
        ({"skip_bad": True}, "skip_bad cannot be applied to 'mnist': leave skip_bad out"),
        ({"images": 61}, "61 training images asked for, the set has 60"),
    ],
)
def test_other_requests_are_refused(tmp_path, options, reason):
    with pytest.raises(DataError, match=reason):
        load_data(*unpacked_mnist(tmp_path), **options)


def test_the_real_fashion_mnist():
    if not (mnist._INSTALLED / "fashion-mnist").is_dir():
        pytest.skip("no real Fashion-MNIST: apt install dataset-fashion-mnist")
    data = load_data("fashion-mnist", mnist._INSTALLED / "fashion-mnist")
    assert (len(data.train), len(data.test)) == (60_000, 10_000)
    assert (data.image_shape, data.bounds) == ((1, 28, 28), (-1, 1))
    for split in (data.train, data.test):
        labels = split.factors(np.arange(len(split)))[:, 0]
        assert np.bincount(labels).tolist() == [len(split) // 10] * 10
    # the mean and the deviation known as the set's usual normalisation
    pixels = (data.train.batch(np.arange(60_000)).numpy() + 1) / 2
    assert pixels.mean() == pytest.approx(0.2860, abs=5e-5)
    assert pixels.std() == pytest.approx(0.3530, abs=5e-5)
