"""Names that say they are splits: folders, archives, arrays, copies; and names that do not."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seatbelt_vae.data import load_data
from seatbelt_vae.data.split_names import roles_of, split_in
from seatbelt_vae.errors import DataError

SIDE = 8
IMAGES = np.random.default_rng(0).integers(0, 256, (30, SIDE, SIDE, 3), np.uint8)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))


PAIRS = [
    ("train", "test"),
    ("Train", "Test"),
    ("TRAIN", "VAL"),
    ("train", "val"),
    ("train", "valid"),
    ("train", "validation"),
    ("train", "dev"),
    ("train", "eval"),
    ("training", "evaluation"),
    ("Training", "Testing"),
    ("training_set", "test_set"),
    ("train2017", "val2017"),
    ("seg_train", "seg_test"),
    ("train-images", "test-images"),
    ("trainImages", "testImages"),
    ("x_train", "x_test"),
    ("X_train", "X_val"),
    ("Xtrain", "Xtest"),
]


@pytest.mark.parametrize(("train", "held_out"), PAIRS)
def test_two_names_are_splits(train, held_out):
    assert roles_of([held_out, train, "notes"]) == {train: "train", held_out: "test"}


@pytest.mark.parametrize(
    "names",
    [
        ("train", "bus"),
        ("test_tube", "train_station"),
        ("trains", "tests"),
        ("training", "trainee"),
        ("train", "training"),
        ("val", "test"),
        ("retrain", "latest"),
        ("devil", "evaluate"),
        ("train_test", "val"),
        (),
    ],
)
def test_names_that_are_no_splits(names):
    assert roles_of(names) == {}


def test_the_validation_split_beside_a_test_split_has_no_role():
    assert roles_of(["train", "validation", "test"]) == {"train": "train", "test": "test"}
    assert split_in("validation") == ("validation", "")


def fill(place, folders, number=6):
    """Pictures in each folder, all different."""
    rows = iter(IMAGES)
    for folder in folders:
        (place / folder).mkdir(parents=True)
        for i in range(number):
            Image.fromarray(next(rows)).save(place / folder / f"{i}.png")


def as_given(place):
    return place


def zipped(place):
    return Path(shutil.make_archive(str(place), "zip", place.parent, place.name))


def held_out_of(data):
    test = np.rint((data.test.batch(np.arange(len(data.test))).numpy() + 1) * 127.5)
    return test.astype(np.uint8).transpose(0, 2, 3, 1)


@pytest.mark.parametrize("kept", [as_given, zipped])
@pytest.mark.parametrize(("train", "held_out"), PAIRS)
def test_folders_of_splits(tmp_path, kept, train, held_out):
    place = tmp_path / "pictures"
    fill(place, [f"{train}/cat", f"{train}/dog", f"{held_out}/cat", f"{held_out}/dog"])
    data = load_data("folder", kept(place), image_size=SIDE)
    assert (len(data.train), len(data.test)) == (12, 12)
    assert data.factors[0].values == ("cat", "dog")
    assert (held_out_of(data) == IMAGES[12:24]).all()
    assert data.test.factors(np.arange(12))[:, 0].tolist() == [0] * 6 + [1] * 6
    assert data.notes == (f"training images in {train}, held-out images in {held_out}",)


@pytest.mark.parametrize(
    ("folders", "sizes", "classes", "notes"),
    [
        (["train", "val", "test"], (6, 6), (), ["6 pictures in val passed over"]),
        (["train/a", "train/b", "unlabeled", "dev/a"], (12, 6), ("a", "b"), ["6 pictures in unl"]),
        (["cat/train", "cat/test", "dog/train", "dog/test"], (12, 12), ("cat", "dog"), []),
        (
            ["seg_train/seg_train/a", "seg_train/seg_train/b", "seg_test/seg_test/a"],
            (12, 6),
            "ab",
            [],
        ),
        (["train/good", "test/good", "test/hole"], (6, 12), ("good", "hole"), []),
    ],
)
def test_layouts_of_splits(tmp_path, folders, sizes, classes, notes):
    fill(tmp_path / "pictures", folders)
    data = load_data("folder", tmp_path / "pictures", image_size=SIDE)
    assert (len(data.train), len(data.test)) == sizes
    assert tuple(v for factor in data.factors for v in factor.values) == tuple(classes)
    assert [note[: len(said)] for note, said in zip(data.notes[1:], notes, strict=True)] == notes


def test_a_class_named_like_a_split_is_a_class_with_a_note(tmp_path):
    fill(tmp_path / "pictures", ["train", "bus"])
    data = load_data("folder", tmp_path / "pictures", image_size=SIDE)
    assert data.factors[0].values == ("bus", "train")
    assert data.notes == ("train read as a class",)


@pytest.mark.parametrize("folders", [("val", "test"), ("train", "Training")])
def test_splits_without_training_or_test_are_refused(tmp_path, folders):
    fill(tmp_path / "pictures", folders)
    with pytest.raises(DataError, match="which are named like splits: expected one for training"):
        load_data("folder", tmp_path / "pictures", image_size=SIDE)


LABELS = np.arange(30) % 3
WORDS = np.array(["ant", "bee", "cow"])


def saved(path, arrays):
    if path.suffix == ".h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file[name] = array.astype(object) if array.dtype.kind == "U" else array
    else:
        np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("ending", [".npz", ".h5"])
@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (("x_train", "x_test"), ("y_train", "y_test")),
        (("X_train", "X_test"), ("Y_train", "Y_test")),
        (("x_train", "x_val"), ("y_train", "y_val")),
        (("train_images", "test_images"), ("train_labels", "test_labels")),
        (("training_images", "validation_images"), ("training_targets", "validation_targets")),
        (("train", "test"), ("train_y", "test_y")),
        (("trainX", "testX"), ("trainY", "testY")),
        (("train_images_nhwc", "test_images_nhwc"), ("train_label", "test_label")),
    ],
)
def test_arrays_of_splits(tmp_path, ending, images, labels):
    arrays = dict(zip(images, (IMAGES[:20], IMAGES[20:]), strict=True))
    arrays |= dict(zip(labels, (LABELS[:20], LABELS[20:,]), strict=True))
    data = load_data("array", saved(tmp_path / f"x{ending}", arrays))
    assert (len(data.train), len(data.test)) == (20, 10)
    assert (held_out_of(data) == IMAGES[20:]).all()
    assert data.test.factors(np.arange(10))[:, 0].tolist() == LABELS[20:].tolist()
    assert data.notes == ()


def test_three_splits_of_arrays_and_others_are_noted(tmp_path):
    arrays = {
        "train_images": IMAGES[:20],
        "val_images": IMAGES[20:25],
        "test_images": IMAGES[25:],
        "train_labels": LABELS[:20, None],
        "val_labels": LABELS[20:25, None],
        "test_labels": LABELS[25:, None],
        "metadata": np.arange(4),
    }
    data = load_data("array", saved(tmp_path / "x.npz", arrays))
    assert (held_out_of(data) == IMAGES[25:]).all()
    assert data.notes == ("arrays passed over: val_images, val_labels, metadata",)


def test_arrays_of_one_split_are_the_whole_set(tmp_path):
    path = saved(tmp_path / "x.npz", {"x_train": IMAGES, "y_train": LABELS})
    data = load_data("array", path)
    assert (len(data.train), len(data.test), data.factors[0].name) == (27, 3, "y")


def test_an_array_without_a_split_precedes_one_of_a_single_split(tmp_path):
    data = load_data("array", saved(tmp_path / "x.npz", {"x": IMAGES, "x_test": IMAGES[:5]}))
    assert (len(data.train), len(data.test)) == (27, 3)
    assert data.notes == ("arrays passed over: x_test",)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"x_train": IMAGES[:20], "x_test": IMAGES[20:, :4]},
            r"x_train is uint8 of shape \(20, 8, 8, 3\) and x_test is uint8 of shape \(10, 4, 8, 3",
        ),
        (
            {"x_train": IMAGES[:20], "x_test": IMAGES[20:] / 255},
            "x_test is float64 .* expected the same type",
        ),
        (
            {
                "x_train": IMAGES[:20],
                "x_test": IMAGES[20:],
                "y_train": LABELS[:10],
                "y_test": LABELS[10:],
            },
            "y is not split as x is",
        ),
        ({"x_val": IMAGES[:20], "x_test": IMAGES[20:]}, "holds x_val .*, x_test .*: expected one"),
    ],
)
def test_splits_of_arrays_that_do_not_fit_are_refused(tmp_path, arrays, message):
    with pytest.raises(DataError, match=message):
        load_data("array", saved(tmp_path / "x.npz", arrays))


@pytest.mark.parametrize("kind", ["U", "S"])
def test_words_are_classes(tmp_path, kind):
    arrays = {"images": IMAGES, "labels": WORDS[LABELS].astype(kind)}
    data = load_data("array", saved(tmp_path / "x.npz", arrays))
    assert data.factors[0].values == ("ant", "bee", "cow")
    every = data.train.factors_of(np.arange(30))[:, 0]
    assert every.tolist() == LABELS.tolist()


def test_words_of_hdf5_are_classes(tmp_path):
    path = saved(tmp_path / "x.h5", {"images": IMAGES, "labels": WORDS[LABELS]})
    data = load_data("array", path)
    assert data.factors[0].values == ("ant", "bee", "cow")
    assert data.train.factors_of(np.arange(30))[:, 0].tolist() == LABELS.tolist()


def test_too_many_words_are_no_classes(tmp_path):
    names = np.array([f"{i}.png" for i in range(300)])
    arrays = {"images": np.repeat(IMAGES, 10, axis=0), "labels": names}
    with pytest.raises(DataError, match="labels has words with 300 distinct values"):
        load_data("array", saved(tmp_path / "x.npz", arrays))


def test_the_names_of_dsprites_are_labels(tmp_path):
    arrays = {"imgs": IMAGES[..., 0], "latents_classes": np.stack([LABELS, LABELS], 1)}
    data = load_data("array", saved(tmp_path / "x.npz", arrays))
    assert [factor.size for factor in data.factors] == [3, 3]


def test_the_archive_of_a_folder_is_the_folder(tmp_path):
    fill(tmp_path / "pictures", ["train/a", "val/a"])
    archive = zipped(tmp_path / "pictures")
    assert zipfile.is_zipfile(archive)
    folder, other = (
        load_data("folder", p, image_size=SIDE) for p in (tmp_path / "pictures", archive)
    )
    assert folder.identity == other.identity
