"""Links of folders and files: followed, refused or counted, and never a loop."""

import os
import re
import time

import datasets
import numpy as np
import pytest

from seatbelt_vae.data import check, load_data
from seatbelt_vae.data.sets import faces
from seatbelt_vae.errors import DataError

from .test_folder import COLOUR, SIDE, as_bytes, fill
from .written_sets import hub_rows, written


@pytest.fixture(autouse=True)
def own_caches(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "library"))


@pytest.fixture(autouse=True)
def few_faces(monkeypatch):
    """All 127,050 faces take most of a minute to draw."""
    monkeypatch.setattr(faces, "FACTOR_SIZES", (4, 3, 5, 2))


@pytest.fixture
def pool(tmp_path):
    """12 pictures outside the folder of the set."""
    fill(tmp_path / "pool", [f"{i:02}.png" for i in range(12)])
    return tmp_path / "pool"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "set").mkdir()
    return tmp_path / "set"


def get(place, **options):
    return load_data("folder", place, image_size=SIDE, **options)


def test_links_to_files_outside_are_followed_on_request(place, pool):
    for number in range(12):
        link = place / "ab"[number % 2] / f"{number:02}.png"
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(os.path.relpath(pool / link.name, link.parent))
    with pytest.raises(
        DataError, match=r"leads out of its folder, to .*: allow it with follow_lin"
    ):
        get(place)
    data = get(place, follow_links=True)
    assert (as_bytes(data) == COLOUR[[0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]]).all()
    assert data.factors[0].values == ("a", "b")
    assert data.notes == ()
    assert check("folder", place, SIDE, follow_links=True).train == 11


def test_a_link_to_a_folder_outside_is_followed_on_request(place, pool):
    (place / "a").symlink_to(pool)
    with pytest.raises(DataError, match=r"a is a link that leads out of its folder, to .*pool"):
        get(place)
    assert (as_bytes(get(place, follow_links=True)) == COLOUR).all()


def test_a_link_to_a_folder_inside_names_a_class(place):
    fill(place, [f".pool/{i:02}.png" for i in range(6)])
    fill(place, [f"b/{i:02}.png" for i in range(6, 12)], COLOUR[6:])
    (place / "a").symlink_to(".pool")
    data = get(place)
    assert (as_bytes(data) == COLOUR).all()
    assert data.factors[0].values == ("a", "b")


def test_each_folder_is_read_once_and_loops_end(place, pool):
    fill(place, [f"real/{i:02}.png" for i in range(6)])
    (place / "real" / "loop").symlink_to(place)
    (place / "again").symlink_to("real")
    (place / "outside").symlink_to(pool.parent)
    for number in range(12):
        (pool / f"loop{number}").symlink_to("..")
    began = time.monotonic()
    data = get(place, follow_links=True)
    assert time.monotonic() - began < 60
    # twelve links in the pool, two in the set, and the set itself below the link outside
    assert "15 links to folders that are read elsewhere passed over" in data.notes
    assert len(data.train) + len(data.test) == 6 + 12


def test_a_link_to_itself_is_named(place):
    fill(place, ["a.png", "b.png"])
    (place / "c.png").symlink_to("c.png")
    for follow in (False, True):
        with pytest.raises(DataError, match=r"c\.png is a link to .*, which is not there"):
            get(place, follow_links=follow)


@pytest.mark.parametrize("follow", [False, True])
def test_a_link_to_a_folder_that_is_gone_is_named_or_left_out(place, follow):
    fill(place, ["a/1.png", "a/2.png"])
    (place / "b").symlink_to("gone")
    data = get(place, follow_links=follow)
    assert len(data.train) + len(data.test) == 2
    assert data.notes == ("1 files passed over",)


def in_hub_cache(tmp_path, *contents):
    """The snapshot of a repository in the Hugging Face cache, with a blob per file."""
    repository = tmp_path / "hub" / "datasets--me--pics"
    snapshot = repository / "snapshots" / "abc"
    (repository / "blobs").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    for number, (name, content) in enumerate(contents):
        blob = repository / "blobs" / f"{number:040x}"
        blob.write_bytes(content)
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    return snapshot


def test_pictures_in_the_hub_cache_need_no_option(tmp_path, pool):
    named = [(f"{'ab'[i % 2]}/{i:02}.png", (pool / f"{i:02}.png").read_bytes()) for i in range(12)]
    snapshot = in_hub_cache(tmp_path, *named)
    assert (as_bytes(get(snapshot)) == COLOUR[[0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]]).all()
    assert len(get(snapshot / "a").train) == 5


def test_arrays_in_the_hub_cache_need_no_option(tmp_path):
    np.save(tmp_path / "a.npy", COLOUR)
    snapshot = in_hub_cache(tmp_path, ("a.npy", (tmp_path / "a.npy").read_bytes()))
    assert (as_bytes(load_data("array", snapshot)) == COLOUR).all()


def test_a_blob_that_leads_out_of_the_hub_cache_is_refused(tmp_path, pool):
    snapshot = in_hub_cache(tmp_path, ("00.png", b""), ("01.png", b""))
    blob = (snapshot / "00.png").resolve()
    blob.unlink()
    blob.symlink_to(pool / "00.png")
    with pytest.raises(
        DataError, match=r"00\.png is a link that leads out of its folder, to .*pool"
    ):
        get(snapshot)


@pytest.mark.parametrize("whole", [False, True])
def test_a_copy_in_the_hub_cache_needs_no_option(tmp_path, whole):
    """A snapshot, or its repository with an older snapshot beside it."""
    hub_rows(12).to_parquet(tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    snapshot = in_hub_cache(tmp_path, ("data/train-00000-of-00001.parquet", content))
    older = snapshot.parent / "older" / "data"
    older.mkdir(parents=True)
    (older / "train.parquet").symlink_to(snapshot / "data" / "train-00000-of-00001.parquet")
    data = load_data(f"hf:{snapshot.parent.parent if whole else snapshot}")
    assert len(data.train) + len(data.test) == 12


def test_pictures_that_a_copy_names_are_read_below_it_or_on_request(tmp_path, monkeypatch):
    fill(tmp_path / "pictures", [f"{i:02}.png" for i in range(12)])
    features = datasets.Features({"image": datasets.Image()})
    rows = [{"bytes": None, "path": f"pictures/{i:02}.png"} for i in range(12)]
    held = datasets.Dataset.from_dict({"image": rows}, features=features)
    (tmp_path / "copy").mkdir()
    monkeypatch.chdir(tmp_path)
    held.to_parquet(tmp_path / "copy" / "train.parquet")
    monkeypatch.chdir(tmp_path / "copy")
    with pytest.raises(DataError, match="it has no picture inside the copy: write one with save"):
        load_data(f"hf:{tmp_path / 'copy'}")
    monkeypatch.chdir(tmp_path)
    data = load_data(f"hf:{tmp_path / 'copy'}", image_size=SIDE)
    assert (as_bytes(data) == COLOUR).all()
    (note,) = data.notes
    assert (
        note == "read from a file that the copy names, whose changes are not noticed: 12 pictures"
    )
    (tmp_path / "pictures").rename(tmp_path.parent / f"{tmp_path.name}-elsewhere")
    (tmp_path / "pictures").symlink_to(tmp_path.parent / f"{tmp_path.name}-elsewhere")
    with pytest.raises(
        DataError, match=r"the file .*, outside the copy: allow it with follow_link"
    ):
        load_data(f"hf:{tmp_path / 'copy'}", image_size=SIDE + 1)
    data = load_data(f"hf:{tmp_path / 'copy'}", image_size=SIDE, follow_links=True)
    assert (as_bytes(data) == COLOUR).all()


LINKED = [
    ("chairs", "tiny.sh3f"),
    ("faces", "FaceXModel/identity001.obj"),
    ("celeba", "img_align_celeba.zip"),
    ("celeba", "list_attr_celeba.txt"),
    ("fashion-mnist", "t10k-labels-idx1-ubyte.gz"),
    ("array", "set.npz"),
    ("folder", "train"),
    ("folder", "train/ant/0.png"),
    ("hf:NAME", "train/data-00000-of-00001.arrow"),
]


@pytest.mark.parametrize(("kind", "found"), LINKED)
def test_every_set_follows_links_on_request(tmp_path, monkeypatch, kind, found):
    name, root = written(kind, tmp_path / "set")
    identity = load_data(name, root).identity
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "other cache"))
    (tmp_path / "elsewhere").mkdir()
    (root / found).rename(tmp_path / "elsewhere" / "target")
    (root / found).symlink_to(tmp_path / "elsewhere" / "target")
    with pytest.raises(DataError, match=rf"{re.escape(found)}.* is a link that leads out of its"):
        load_data(name, root)
    assert load_data(name, root, follow_links=True).identity == identity


def test_hidden_files_are_counted(place):
    fill(place, ["a.png", "b.png", ".c.png", ".git/d.png", ".git/e.png"])
    assert get(place).notes == ("2 hidden files and folders passed over",)


def test_a_set_without_files_takes_no_options():
    for option, value in {"follow_links": True, "background": "white", "white": 9.0}.items():
        with pytest.raises(DataError, match=f"{option} cannot be applied to 'swiss-roll'"):
            load_data("swiss-roll", **{option: value})
