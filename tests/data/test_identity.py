"""The split of a folder of results under every change of its data, and what is refused."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from seatbelt_vae.data import ImageData, Split, load_data
from seatbelt_vae.data.identity import fingerprints, in_split_of, store_identity
from seatbelt_vae.errors import ArtifactError, ForeignStateError

SIDE = 8
PIXELS = np.random.default_rng(0).integers(0, 256, (80, SIDE, SIDE, 3), np.uint8)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def pictures(tmp_path):
    """A folder of 40 pictures."""
    place = tmp_path / "pictures"
    place.mkdir()
    for number in range(40):
        save(place / f"m{number:03}.png", number)
    return place


def save(path, number):
    Image.fromarray(PIXELS[number]).save(path)


def get(place, name="folder", **options):
    return load_data(name, place, **({"image_size": SIDE} if name == "folder" else {}), **options)


def contents(data):
    """The images of both splits, in order."""
    return [split.batch(np.arange(len(split))).numpy() for split in (data.train, data.test)]


def check_kept(before, after):
    for old, new in zip(contents(before), contents(after), strict=True):
        np.testing.assert_array_equal(old, new)
    assert after.identity == before.identity


def nothing(_):
    pass


def add(place):
    for number in range(40, 47):
        save(place / f"a{number:03}.png", number)


def rename_first_to_last(place):
    (place / "m000.png").rename(place / "z.png")


def rename_in_place(place):
    (place / "m003.png").rename(place / "m003b.png")


def reverse(place):
    for number in range(40):
        save(place / f"m{number:03}.png", 39 - number)


def add_a_copy(place):
    save(place / "a.png", 3)


def add_a_note(place):
    (place / "readme.txt").write_text("no picture")


def sort_into_classes(place):
    for number in range(40):
        folder = place / "ab"[number % 2]
        folder.mkdir(exist_ok=True)
        (place / f"m{number:03}.png").rename(folder / f"m{number:03}.png")


def touch(place):
    save(place / "m003.png", 3)


@pytest.mark.parametrize(
    ("change", "added"),
    [
        (nothing, 0),
        (touch, 0),
        (add_a_note, 0),
        (rename_in_place, 0),
        (rename_first_to_last, 0),
        (reverse, 0),
        (sort_into_classes, 0),
        (add_a_copy, 1),
        (add, 7),
    ],
)
def test_the_split_is_kept_as_long_as_every_image_is_there(
    pictures, tmp_path, caplog, change, added
):
    before = get(pictures)
    store_identity(tmp_path, before)
    images = contents(before)
    change(pictures)
    after = in_split_of(tmp_path, get(pictures))
    for old, new in zip(images, contents(after), strict=True):
        np.testing.assert_array_equal(old, new)
    assert after.identity == before.identity
    said = f"{tmp_path}: {added} images were added to 'folder' later; they are neither trained on"
    assert [record.message[: len(said)] for record in caplog.records] == ([said] if added else [])


def test_without_the_stored_split_training_images_would_be_held_out(pictures):
    trained_on = {image.tobytes() for image in contents(get(pictures))[0]}
    add(pictures)
    held_out = [image.tobytes() for image in contents(get(pictures))[1]]
    assert any(image in trained_on for image in held_out)


def remove_trained(place):
    numbers = get(place).train.indices
    (place / f"m{numbers[0]:03}.png").unlink()


def remove_held_out(place):
    numbers = get(place).test.indices
    (place / f"m{numbers[0]:03}.png").unlink()


def replace_one(place):
    save(place / f"m{get(place).train.indices[0]:03}.png", 50)


def replace_all(place):
    for number in range(40):
        save(place / f"m{number:03}.png", 40 + number)


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        (remove_trained, "1 and 0 are missing, 0 others are there"),
        (remove_held_out, "0 and 1 are missing, 0 others are there"),
        (replace_one, "1 and 0 are missing, 1 others are there"),
        (replace_all, "36 and 4 are missing, 40 others are there"),
    ],
)
def test_a_missing_image_is_an_error_with_counts(pictures, tmp_path, change, counts):
    store_identity(tmp_path, get(pictures))
    change(pictures)
    with pytest.raises(ForeignStateError) as caught:
        in_split_of(tmp_path, get(pictures))
    assert str(caught.value) == (
        f"{tmp_path} was made with other images of 'folder': of its 36 training and 4 held-out "
        f"images {counts}; restore the data, or use another folder"
    )


def test_another_size_is_other_images(pictures, tmp_path):
    store_identity(tmp_path, get(pictures))
    with pytest.raises(ForeignStateError, match="36 and 4 are missing, 40 others are there"):
        in_split_of(tmp_path, load_data("folder", pictures, image_size=2 * SIDE))


def test_a_copy_elsewhere_has_the_same_identity(pictures, tmp_path):
    before = get(pictures)
    store_identity(tmp_path, before)
    elsewhere = shutil.copytree(pictures, tmp_path / "other place")
    after = get(elsewhere)
    assert after.identity == before.identity
    assert in_split_of(tmp_path, after) is after


def test_fewer_training_images_stay_the_same_when_others_are_added(pictures, tmp_path, caplog):
    before = get(pictures, images=10)
    store_identity(tmp_path, before)
    images = contents(before)
    add(pictures)
    for count in (10, 20, None):
        after = in_split_of(tmp_path, get(pictures, images=count))
        for old, new in zip(images, contents(after), strict=True):
            np.testing.assert_array_equal(old, new)
    assert {record.args[1] for record in caplog.records} == {7}


def test_pictures_added_to_folders_of_splits_belong_to_neither(tmp_path):
    place = tmp_path / "pictures"
    for number in range(20):
        folder = place / ("test" if number < 5 else "train")
        folder.mkdir(parents=True, exist_ok=True)
        save(folder / f"m{number:03}.png", number)
    before = get(place)
    store_identity(tmp_path, before)
    images = contents(before)
    save(place / "test" / "a.png", 30)
    (place / "test" / "m001.png").rename(place / "train" / "m001.png")
    after = in_split_of(tmp_path, get(place))
    for old, new in zip(images, contents(after), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("change", [np.flip, np.roll])
def test_arrays_in_another_order_keep_the_split(tmp_path, change):
    path = tmp_path / "x.npz"
    labels = np.arange(40) % 3
    np.savez(path, images=PIXELS[:40], labels=labels)
    before = get(path, "array")
    store_identity(tmp_path, before)
    images, factors = contents(before), before.test.factors(np.arange(4))
    order = change(np.arange(40), *([7] if change is np.roll else []))
    np.savez(path, images=PIXELS[order], labels=labels[order])
    after = in_split_of(tmp_path, get(path, "array"))
    for old, new in zip(images, contents(after), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(after.test.factors(np.arange(4)), factors)


def write_classes(place, names, number_of):
    for number in range(40):
        folder = place / names[number_of(number)]
        folder.mkdir(parents=True, exist_ok=True)
        save(folder / f"m{number:03}.png", number)


@pytest.mark.parametrize(
    ("names", "number_of", "other"),
    [
        ("abc", lambda n: n % 3, False),
        ("abc", lambda n: (n + 1) % 3, True),
        ("abd", lambda n: n % 3, True),
        ("bca", lambda n: n % 3, True),
    ],
)
def test_other_labels_of_the_same_images_are_named(tmp_path, caplog, names, number_of, other):
    write_classes(tmp_path / "before", "abc", lambda n: n % 3)
    store_identity(tmp_path, get(tmp_path / "before"))
    write_classes(tmp_path / "after", names, number_of)
    save(tmp_path / "after" / "a" / "added.png", 60)
    (tmp_path / "after" / "0").mkdir()  # a new class moves the numbers of the others
    save(tmp_path / "after" / "0" / "added.png", 61)
    in_split_of(tmp_path, get(tmp_path / "after"))
    assert any("have other labels than before" in text for text in caplog.messages) == other


def test_examples_outside_the_split_are_counted_when_a_second_folder_is_made(
    pictures, tmp_path, caplog
):
    one, two = tmp_path / "one", tmp_path / "two"
    store_identity(one, get(pictures, images=10))
    store_identity(two, in_split_of(one, get(pictures)))
    in_split_of(two, get(pictures))
    assert not caplog.messages
    add(pictures)
    in_split_of(two, get(pictures))
    assert "7 images were added" in caplog.text


def test_a_replaced_file_of_the_same_shape_is_refused(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, PIXELS[:40])
    store_identity(tmp_path, get(path, "array"))
    np.save(path, PIXELS[40:])
    with pytest.raises(ForeignStateError, match="36 and 4 are missing"):
        in_split_of(tmp_path, get(path, "array"))


FIRST = "import numpy as np\ndef load(): return np.random.default_rng({}).integers(0,256,(30,8,8))"
WITHOUT_DIGEST = """
import numpy as np
from seatbelt_vae.data import ImageData, Split
def load():
    images = np.random.default_rng({}).random((30, 1, 8, 8), np.float32)
    splits = Split(np.arange(25), images.__getitem__), Split(np.arange(25, 30), images.__getitem__)
    return ImageData("mine", (0.0, 1.0), (1, 8, 8), *splits)
"""


@pytest.mark.parametrize("code", [FIRST + ".astype('u1')", WITHOUT_DIGEST])
def test_a_function_that_returns_other_arrays_is_refused(tmp_path, code):
    path = tmp_path / "own.py"
    path.write_text(code.format(0))
    before = load_data(f"{path}:load")
    store_identity(tmp_path, before)
    check_kept(before, in_split_of(tmp_path, load_data(f"{path}:load")))
    path = tmp_path / "changed.py"  # a module of a file is imported once
    path.write_text(code.format(1))
    with pytest.raises(ForeignStateError, match="held-out images"):
        in_split_of(tmp_path, load_data(f"{path}:load"))


SPLIT = """
import numpy as np
def load():
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8)).astype("u1")
    return {}
"""


def test_a_function_that_states_other_splits_keeps_those_of_the_folder(tmp_path):
    (tmp_path / "whole.py").write_text(SPLIT.format("images"))
    (tmp_path / "parts.py").write_text(
        SPLIT.format("dict(x_train=images[:27], x_test=images[27:])")
    )
    before, stated = (load_data(f"{tmp_path / name}.py:load") for name in ("whole", "parts"))
    assert (len(before.train), len(before.test)) == (len(stated.train), len(stated.test))
    store_identity(tmp_path, before)
    assert stated.test.indices.tolist() == [27, 28, 29]
    check_kept(before, in_split_of(tmp_path, stated))


def test_splits_that_are_read_apart_are_never_mixed(tmp_path):
    images = PIXELS[..., 0].astype(np.float32)[:, None]

    def split_of(*rows):
        held = images[list(rows)]
        return Split(np.arange(len(rows)), held.__getitem__)

    before = ImageData("own", (0.0, 255.0), (1, SIDE, SIDE), split_of(0, 1, 2), split_of(3, 4))
    store_identity(tmp_path, before)
    check_kept(before, in_split_of(tmp_path, replace(before, train=split_of(7, 2, 1, 0))))
    swapped = replace(before, train=split_of(3, 1, 2), test=split_of(0, 4))
    with pytest.raises(ForeignStateError, match="3 training and 2 held-out images 1 and 1 are"):
        in_split_of(tmp_path, swapped)


@pytest.mark.parametrize("count", [30, 50, None])
def test_a_set_that_is_the_same_everywhere_is_known_by_its_digest(tmp_path, count):
    before = load_data("swiss-roll", images=40)
    store_identity(tmp_path, before)
    assert (tmp_path / "data.safetensors").stat().st_size < 1000
    check_kept(before, in_split_of(tmp_path, load_data("swiss-roll", images=count)))
    with pytest.raises(ForeignStateError, match="made with other images of 'swiss-roll': restore"):
        in_split_of(tmp_path, replace(before, digest="generated 2"))


def test_fingerprints_of_equal_images_are_equal_and_of_others_differ(pictures):
    data = get(pictures)
    found = fingerprints(data.train)
    assert len(set(found.tolist())) == len(found) == 36
    save(pictures / "z.png", int(data.train.indices[5]))
    grown = get(pictures)
    copies = np.concatenate([fingerprints(grown.train), fingerprints(grown.test)])
    assert (copies == found[5]).sum() == 2


def test_a_damaged_file_of_fingerprints_is_named(pictures, tmp_path):
    store_identity(tmp_path, get(pictures))
    path = tmp_path / "data.safetensors"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ArtifactError, match=f"{path} has no readable metadata"):
        in_split_of(tmp_path, get(pictures))
