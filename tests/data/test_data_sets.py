"""What every data set promises, and what the verbs behind `data` find."""

import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data import DATA_SETS, check, list_sets, load_data, prepare
from seatbelt_vae.data.dataset import Split, random_split
from seatbelt_vae.data.registry import source_of
from seatbelt_vae.data.sets import dsprites, faces, swiss_roll
from seatbelt_vae.errors import DataError

from .written_sets import written


@pytest.fixture(scope="module", params=DATA_SETS)
def asked(request, tmp_path_factory):
    """Name and root of every set."""
    return written(request.param, tmp_path_factory.mktemp("set"))


@pytest.fixture(autouse=True)
def few_faces(monkeypatch):
    """The 127,050 that the set has would take most of a minute to draw."""
    monkeypatch.setattr(faces, "FACTOR_SIZES", (5, 7, 3, 3))


def test_every_set_keeps_its_promises(asked):
    data, again = load_data(*asked), load_data(*asked)
    low, high = data.bounds
    positions = np.array([0, 5, 2])
    for split in (data.train, data.test):
        batch = split.batch(positions)
        assert batch.shape == (3, *data.image_shape)
        assert batch.dtype == torch.float32
        assert batch.min() >= low
        assert batch.max() <= high
        factors = split.factors(positions)
        assert factors.shape == (3, len(data.factors))
        assert (factors < [factor.size for factor in data.factors]).all()
    assert torch.equal(data.test.batch(positions), again.test.batch(positions))
    assert not set(data.train.indices[:1000].tolist()) & set(data.test.indices.tolist())
    assert len(load_data(*asked, 40).train) == 40


def test_prepare_shows_a_contact_sheet(asked):
    prepared = prepare(*asked)
    assert prepared.contact_sheet.startswith(b"\x89PNG")
    assert len(prepared.contact_sheet) > 5000


def test_check_finds_nothing_wrong(asked):
    found = check(*asked)
    assert found.problems == ()
    assert found.train == len(load_data(*asked).train)


def test_check_says_what_is_wrong(monkeypatch):
    good = load_data("swiss-roll")

    def broken(*_):
        def read(indices):
            images = good.train.read(indices).copy()
            images[0] = np.nan
            images[1] = 3
            return images

        return replace(
            good,
            image_shape=(1, 2, 2),
            train=Split(good.train.indices, read),
            test=Split(good.train.indices[:5], read),
        )

    monkeypatch.setattr(swiss_roll, "load", broken)
    assert check("swiss-roll").problems == (
        "images of shape (1, 1, 2), expected (1, 2, 2)",
        "values that are not finite",
        "values outside the bounds [-1, 1]",
        "train and test share images",
    )


@pytest.mark.parametrize("which", ["train", "test"])
def test_check_of_nothing_but_nan_in_one_split(monkeypatch, which):
    good = load_data("swiss-roll")
    split = replace(
        getattr(good, which), read=lambda indices: np.full((len(indices), 1, 1, 2), np.nan)
    )
    monkeypatch.setattr(swiss_roll, "load", lambda _: replace(good, **{which: split}))
    assert check("swiss-roll").problems == ("values that are not finite",)


def test_check_of_images_that_are_all_alike(monkeypatch):
    good = load_data("swiss-roll")
    split = replace(good.train, read=lambda indices: np.ones((len(indices), 1, 1, 2)))
    monkeypatch.setattr(swiss_roll, "load", lambda _: replace(good, train=split))
    assert check("swiss-roll").problems == ("every value is 1: there is nothing to learn",)


def test_the_list_says_where_each_set_stands(tmp_path):
    assert [entry.name for entry in list_sets()] == list(DATA_SETS)
    for entry in list_sets(tmp_path / "nowhere"):
        assert re.match("no such (file or )?folder: ", entry.state)


def test_the_state_of_a_set_in_use_is_ready(asked):
    load_data(*asked)
    name, root = asked
    config = DataConfig(name, None if root is None else str(root))
    assert source_of(config).state(config).startswith("ready")


def test_licences_of_two_possible_sources_claim_neither_for_the_other():
    faces_licence, chairs_licence = (DATA_SETS[name].licence for name in ("faces", "chairs"))
    assert "basel_face_renders.pth, which is not MIT" in faces_licence
    assert "limits its use and sharing" in faces_licence
    assert "published pictures (Aubry et al. 2014), which are neither" in chairs_licence


def test_names_are_listed_without_torch():
    code = (
        "import sys; from seatbelt_vae.data import DATA_SETS, list_sets; list_sets();"
        "sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_set_is_told_by_its_images(asked):
    data = load_data(*asked)
    assert data.digest
    assert re.fullmatch(r"[a-z-]+-[0-9a-f]{16}", data.identity)
    assert load_data(*asked).identity == data.identity
    assert load_data(*asked, 40).identity != data.identity


@pytest.mark.parametrize("name", ["mnist", "array"])
def test_the_identity_follows_the_images_and_not_their_place(tmp_path, name):
    first, moved, changed = (written(name, tmp_path / place)[1] for place in ("a", "b", "c"))
    for path in changed.glob("*images*" if name == "mnist" else "*"):
        if name == "mnist":
            path.write_bytes(path.read_bytes()[:-1] + b"\x07")
        else:
            held = dict(np.load(path))
            held["images"][-1, 0, 0, 0] ^= 1
            np.savez(path, **held)
    identity = load_data(name, first).identity
    assert load_data(name, moved).identity == identity
    assert load_data(name, changed).identity != identity


def leading_out(files, outside):
    """The files moved to another folder, with links to them in their places."""
    outside.mkdir()
    for path in files:
        path.rename(outside / path.name)
        path.symlink_to(outside / path.name)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("chairs", "tiny.sh3f"),
        ("faces", "FaceXModel"),
        ("faces", "FaceXModel/identity001.obj"),
        ("celeba", "img_align_celeba.zip"),
        ("celeba", "list_attr_celeba.txt"),
        ("celeba", "list_eval_partition.txt"),
        ("fashion-mnist", "t10k-labels-idx1-ubyte.gz"),
        ("mnist", "train-images-idx3-ubyte"),
        ("array", "set.npz"),
        ("folder", "train"),
        ("folder", "train/ant/0.png"),
    ],
)
def test_a_link_out_of_the_folder_stops_the_preparation(tmp_path, name, found):
    _, root = written(name, tmp_path / "set")
    leading_out([root / found], tmp_path / "elsewhere")
    with pytest.raises(DataError, match=rf"{re.escape(found)}.* is a link that leads out of its "):
        load_data(name, root)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("chairs", "rendered_chairs/one/renders/image_001_p020_t011_r096.png"),
        ("faces", faces.PUBLISHED_FILE),
        ("dsprites", dsprites.PUBLISHED_FILE),
    ],
)
def test_a_published_file_is_no_link_out_of_the_folder(tmp_path, name, found):
    path = tmp_path / "set" / found
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    leading_out([path], tmp_path / "elsewhere")
    with pytest.raises(DataError, match=rf"{re.escape(found)}.* is a link that leads out of its "):
        load_data(name, tmp_path / "set")


@pytest.mark.parametrize(("count", "sizes"), [(2, (1, 1)), (9, (8, 1)), (25, (23, 2))])
def test_every_split_holds_an_image(count, sizes):
    assert tuple(map(len, random_split(count, lambda indices: indices))) == sizes


@pytest.mark.parametrize("count", [0, 1])
def test_a_set_too_small_to_split_is_refused(count):
    with pytest.raises(DataError, match=f"the set has {count} images: at least 2"):
        random_split(count, lambda indices: indices)


def test_a_set_without_factors_says_so():
    split = replace(load_data("swiss-roll").train, factors_of=None)
    with pytest.raises(DataError, match="has no known factors"):
        split.factors(np.array([0]))


def test_the_swiss_roll_is_a_spiral_that_follows_its_factor():
    data = load_data("swiss-roll")
    points = data.train.batch(np.arange(2000)).flatten(1).numpy()
    radius = np.linalg.norm(points, axis=1)
    angle = data.train.factors(np.arange(2000))[:, 0]
    assert np.corrcoef(radius, angle)[0, 1] > 0.98
