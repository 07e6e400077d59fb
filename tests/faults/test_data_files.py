"""Damaged, hostile, unreadable or truncated data files: one error, and no partial result."""

import errno
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
import tracemalloc
import zipfile
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import numpy as np
import pytest

import seatbelt_vae.data
from seatbelt_vae.config import DataConfig
from seatbelt_vae.data import cache, list_sets, load_data
from seatbelt_vae.data.cache import read_records, write_records
from seatbelt_vae.data.readers.npz import NpzMember
from seatbelt_vae.data.sets import dsprites
from seatbelt_vae.errors import ArtifactError, DataError

NOBODY = 65534
PREPARE = "from seatbelt_vae.data import load_data; load_data('dsprites')"
RECORD = np.dtype([("image", np.uint8, (8, 8))])
SMALL = np.arange(256, dtype=np.uint8).view(RECORD)


def small_cache(folder):
    path = folder / "set.records"
    write_records(path, RECORD, [SMALL[:3], SMALL[3:]], lambda: {"classes": ["é"]})
    return path


@contextmanager
def without_privileges():
    """As an ordinary user, for whom permissions count.

    The place of Python itself may be closed to that user, so that modules are imported before.
    """
    for module in walk_packages(seatbelt_vae.data.__path__, "seatbelt_vae.data."):
        import_module(module.name)
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[:-100], "it has 691 bytes, expected 791"),
        (lambda data: data + b"x", "it has 792 bytes, expected 791"),
        (lambda data: data[:600] + bytes([data[600] ^ 1]) + data[601:], "do not match its digest"),
        (lambda data: data.replace(b"[8, 8]", b"[4,16]"), "do not match its digest"),
        (lambda data: data.replace(b'"image"', b'"imagf"'), "do not match its digest"),
        (lambda data: data.replace(b'"format": 2', b'"format": 9'), "format 9, expected 2"),
        (lambda data: data.replace(b'"count"', b'"cownt"'), "it lacks or garbles 'count'"),
        (lambda data: data.replace(b"u1", b"O8"), "no header: records of type"),
        (lambda data: data.replace(b'"count": 4', b'"count":-4'), "no header: records of type"),
        (lambda data: data[:50], "its first line is no header"),
        (lambda _: b"", "its first line is no header"),
        (lambda _: b"\xff\xfe" * 400, "its first line is no header"),
        (lambda data: b"[]".ljust(512) + data[512:], "its first line is no header"),
    ],
)
def test_a_damaged_cache_is_named(tmp_path, damage, reason):
    path = small_cache(tmp_path)
    found = read_records(path)
    assert (found.rows == SMALL).all()
    assert found.about == {"classes": ["é"]}
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=reason) as caught:
        read_records(path)
    assert "delete it and run `seatbelt-vae data prepare`" in str(caught.value)


def test_no_flipped_byte_of_a_cache_goes_unnoticed(tmp_path):
    path = small_cache(tmp_path)
    good = path.read_bytes()
    for place in range(len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x40]) + good[place + 1 :])
        with pytest.raises(DataError):
            read_records(path)


def test_the_advice_for_a_damaged_cache_helps(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path))
    cache = dsprites.preparation(DataConfig()).file()
    with cache.open("r+b") as file:
        file.truncate(1_000_000)
    with pytest.raises(DataError, match="it has 1000000 bytes, expected 377487876"):
        load_data("dsprites")
    cache.unlink()
    assert len(load_data("dsprites").train) == 663_552


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cache.os, "fsync", full)
    with pytest.raises(ArtifactError, match="No space left on device; free some space"):
        small_cache(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_file_that_may_not_grow_leaves_nothing(tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10**7, 10**7)); "
    environment = os.environ | {"SEATBELT_CACHE": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", limit + PREPARE], env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert "ArtifactError: cannot write" in ended.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_killed_while_drawing_and_drawn_again(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", PREPARE])
    while process.poll() is None and not list(tmp_path.glob(".*.tmp")):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not list(tmp_path.glob("*.records"))
    assert len(load_data("dsprites").train) == 663_552


def test_a_cache_folder_that_is_a_file(tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "taken"))
    with pytest.raises(ArtifactError, match="set SEATBELT_CACHE to another folder"):
        load_data("dsprites")


@pytest.fixture
def open_folder():
    """A folder any user can look into, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_closed_places_are_named(open_folder, monkeypatch):
    path = small_cache(open_folder)
    path.chmod(0)
    closed = open_folder / "closed"
    closed.mkdir(mode=0)
    with without_privileges():
        with pytest.raises(DataError, match=r"cannot read .*: Permission denied; make it"):
            read_records(path)
        with pytest.raises(ArtifactError, match=r"cannot write .*: Permission denied"):
            small_cache(closed)
        with pytest.raises(DataError, match=r"cannot look for .*npz: Permission denied"):
            load_data("dsprites", closed)
        with pytest.raises(DataError, match=r"cannot look for .*inner: Permission denied"):
            load_data("dsprites", closed / "inner")
        assert list_sets(closed)[0].state.startswith("cannot look for")
        monkeypatch.setenv("SEATBELT_CACHE", str(closed))
        with pytest.raises(DataError, match=r"cannot look for .*records: Permission denied"):
            load_data("dsprites")


@pytest.fixture
def member(tmp_path):
    return NpzMember(tmp_path / "a.npz", "imgs", (5, 7), np.uint8)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((5, 8), np.uint8), r"uint8 of shape \(5, 8\), expected uint8 of shape \(5, 7\)"),
        (np.zeros((5, 7), np.int64), "int64 of shape"),
        (np.zeros((5, 7), np.float32), "float32 of shape"),
        (np.asfortranarray(np.ones((5, 7), np.uint8)), "Fortran order"),
        (np.array([[object()] * 7] * 5), "imgs is object"),
    ],
)
def test_other_arrays_are_refused(member, array, reason):
    np.savez(member.path, imgs=array)
    with pytest.raises(DataError, match=reason):
        list(member.blocks())


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


WHOLE = npy(np.zeros((5, 7), np.uint8))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (WHOLE[:-9], "imgs ends after 26 bytes"),
        (WHOLE[:-35], "imgs ends after 0 bytes"),
        (WHOLE[:40], "EOF: reading array header"),
        (b"", "EOF: reading magic string"),
        (WHOLE + bytes(1000), "imgs is longer than its shape says"),
        (WHOLE.replace(b"}", b"("), "cannot be used"),
        (b"GIF89a" + WHOLE, "magic string is not correct"),
    ],
)
def test_damaged_arrays_are_refused(member, content, reason):
    with zipfile.ZipFile(member.path, "w") as archive:
        archive.writestr("imgs.npy", content)
    with pytest.raises(DataError, match=reason):
        list(member.blocks())


def test_hostile_archives_are_refused(member):
    member.path.write_bytes(b"not a zip")
    for read in (member.checksum, lambda: list(member.blocks())):
        with pytest.raises(DataError, match="File is not a zip file"):
            read()
    np.savez(member.path, other=np.zeros(3))
    with pytest.raises(DataError, match="it has no array 'imgs'"):
        list(member.blocks())
    with zipfile.ZipFile(member.path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("imgs.npy", WHOLE)
    with pytest.raises(DataError, match="another method than deflate"):
        list(member.blocks())


@pytest.mark.parametrize("start", [WHOLE, b"\x93NUMPY\x02\x00" + (100 << 20).to_bytes(4, "little")])
def test_a_bomb_is_refused_before_it_fills_the_memory(member, start):
    with (
        zipfile.ZipFile(member.path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("imgs.npy", "w") as file,
    ):
        file.write(start)
        for _ in range(100):
            file.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"longer than its shape|reading array header"):
        list(member.blocks())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 << 20


# NumPy warns of headers written by Python 2, which some damage resembles
@pytest.mark.filterwarnings("ignore:Reading .*header parsing")
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_any_damage_to_an_archive_is_an_error_or_harmless(member, save):
    array = np.random.default_rng(0).integers(0, 2, (5, 7), np.uint8)
    save(member.path, imgs=array)
    good = member.path.read_bytes()
    rng = np.random.default_rng(1)
    for place in range(len(good)):
        damaged = bytearray(good)
        damaged[place] ^= int(rng.integers(1, 256))
        member.path.write_bytes(damaged)
        try:
            found = np.concatenate(list(member.blocks()))
        except DataError:
            continue
        assert (found == array).all()
    for end in range(0, len(good), 5):
        member.path.write_bytes(good[:end])
        with pytest.raises(DataError):
            list(member.blocks())
