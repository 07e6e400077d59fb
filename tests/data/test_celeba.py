"""CelebA in its published files, whole and in parts: lists, partition, crop, bad input."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from seatbelt_vae.data import load_data
from seatbelt_vae.errors import DataError

from .written_sets import celeba, photographs


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    celeba(folder)
    return folder


def unpack(place):
    with zipfile.ZipFile(place / "img_align_celeba.zip") as archive:
        archive.extractall(place)
    (place / "img_align_celeba.zip").unlink()


def as_csv(place):
    for name, head in (("list_attr_celeba", 2), ("list_eval_partition", 0)):
        rows = [line.split() for line in (place / f"{name}.txt").read_text().splitlines()]
        names = rows[1] if head else ["partition"]
        lines = [",".join(row) for row in [["image_id", *names], *rows[head:]]]
        (place / f"{name}.csv").write_text("\n".join(lines))
        (place / f"{name}.txt").unlink()


@pytest.mark.parametrize("change", [lambda _: None, unpack, as_csv])
def test_attributes_and_partition_are_those_listed(place, change):
    change(place)
    data = load_data("celeba", place)
    assert [(f.name, f.values) for f in data.factors] == [
        ("Bald", ("no", "yes")),
        ("Young", ("no", "yes")),
    ]
    assert (len(data.train), len(data.test)) == (50, 10)
    numbers = np.arange(1, 51)
    expected = np.stack([numbers % 2 == 0, numbers % 3 != 0], axis=1)
    assert (data.train.factors(np.arange(50)) == expected).all()
    numbers = np.arange(54, 64)
    expected = np.stack([numbers % 2 == 0, numbers % 3 != 0], axis=1)
    assert (data.test.factors(np.arange(10)) == expected).all()
    assert data.notes == ("3 photographs of the validation part left out",)


def test_the_middle_is_cut_out_and_shrunk(place):
    data = load_data("celeba", place, image_size=37)
    (_, content), *_ = photographs(1)
    whole = np.asarray(Image.open(io.BytesIO(content)), float)
    middle = whole[35:183, 15:163]
    # a quarter of the size: means of blocks differ little from what a better filter gives
    expected = middle.reshape(37, 4, 37, 4, 3).mean((1, 3)).transpose(2, 0, 1) / 127.5 - 1
    found = data.train.batch(np.array([0]))[0].numpy()
    assert np.abs(found - expected).mean() < 0.01
    assert np.abs(found - np.roll(expected, 1, 2)).mean() > 0.02


def test_photographs_alone_have_no_attributes(place):
    for name in ("list_attr_celeba.txt", "list_eval_partition.txt"):
        (place / name).unlink()
    data = load_data("celeba", place / "img_align_celeba.zip")
    assert data.factors == ()
    assert (len(data.train), len(data.test)) == (57, 6)
    assert data.notes == (
        "no list_attr_celeba, so no attributes",
        "no list_eval_partition, so a tenth is held out at random",
    )


def test_the_only_archive_in_a_folder_is_the_photographs(place):
    (place / "img_align_celeba.zip").rename(place / "first_photographs.zip")
    data = load_data("celeba", place)
    assert (len(data.train), len(data.test), len(data.factors)) == (50, 10, 2)
    (place / "second.zip").write_bytes(b"")
    with pytest.raises(DataError, match=r"or img_align_celeba\.zip as root, or the archive itself"):
        load_data("celeba", place)


def test_an_archive_beside_photographs_is_not_them(place):
    unpack(place)
    for path in (place / "img_align_celeba").iterdir():
        path.rename(place / path.name)
    (place / "img_align_celeba").rmdir()
    (place / "notes.zip").write_bytes(b"")
    assert len(load_data("celeba", place).train) == 50


def test_a_part_of_the_set_without_test_photographs(place):
    with zipfile.ZipFile(place / "img_align_celeba.zip", "w") as archive:
        for name, content in photographs(20):
            archive.writestr(name, content)
    data = load_data("celeba", place)
    assert (len(data.train), len(data.test)) == (18, 2)
    assert data.notes == ("no photograph of the test part, so a tenth is held out at random",)


def replace_line(place, name, number, line):
    lines = (place / name).read_text().splitlines()
    lines[number - 1] = line
    (place / name).write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("name", "number", "line", "reason"),
    [
        ("list_attr_celeba.txt", 5, "000003.jpg 1", "line 5: got 1 values, expected a photograph"),
        ("list_attr_celeba.txt", 5, "000003.jpg 1 0", "line 5: got 2 .* and 2 of -1, 1; get"),
        ("list_attr_celeba.txt", 5, "", r"does not list img_align_celeba/000003\.jpg, which"),
        ("list_attr_celeba.txt", 2, "Bald", "line 3: got 2 values, expected .* and 1 of"),
        ("list_eval_partition.txt", 9, "000009.jpg 3", "line 9: got 1 values, .* of 0, 1, 2; get"),
        ("list_eval_partition.txt", 9, "x.jpg 1", r"does not list img_align_celeba/000009\.jpg"),
        ("list_eval_partition.txt", 9, "é", "is no text"),
    ],
)
def test_damaged_lists_are_named(place, name, number, line, reason):
    replace_line(place, name, number, line)
    with pytest.raises(DataError, match=rf"{name}.*{reason}"):
        load_data("celeba", place)


@pytest.mark.parametrize("name", ["list_attr_celeba.txt", "list_eval_partition.txt"])
def test_empty_lists_are_refused(place, name):
    (place / name).write_text("")
    with pytest.raises(DataError, match=f"{name} lists no photograph: get it anew"):
        load_data("celeba", place)


def test_a_bad_photograph_is_named_or_left_out(place):
    unpack(place)
    path = place / "img_align_celeba" / "000007.jpg"
    path.write_bytes(path.read_bytes()[:900])
    Image.new("RGB", (300, 300)).save(place / "img_align_celeba" / "000052.jpg")
    with pytest.raises(DataError, match=r"000007\.jpg: it is damaged: .*; leave bad ones out"):
        load_data("celeba", place)
    data = load_data("celeba", place, skip_bad=True)
    assert (len(data.train), len(data.test)) == (49, 10)
    assert any("000007.jpg: it is damaged" in note for note in data.notes)


def test_another_shape_is_refused(place):
    unpack(place)
    Image.new("RGB", (178, 200)).save(place / "img_align_celeba" / "000001.jpg")
    with pytest.raises(DataError, match="it has 178×200 pixels, expected 178×218"):
        load_data("celeba", place)


def test_a_folder_without_photographs(tmp_path):
    with pytest.raises(DataError, match=r"has no photograph named like 000001\.jpg: give the fol"):
        load_data("celeba", tmp_path)
    with pytest.raises(DataError, match="CelebA is for research and not passed on here: get img"):
        load_data("celeba")


def test_no_training_photograph(place):
    listed = (place / "list_eval_partition.txt").read_text().replace("jpg 0", "jpg 2")
    (place / "list_eval_partition.txt").write_text(listed)
    with pytest.raises(DataError, match="has no photograph of part 0"):
        load_data("celeba", place)


def test_real_photographs(shared):
    data = load_data("celeba", shared / "data" / "celeba" / "celeba_first10000_89x109.zip", 500)
    assert (len(data.train), len(data.test)) == (500, 1000)
    images = data.train.batch(np.arange(500))
    assert images.shape == (500, 3, 64, 64)
    red, green, blue = images.mean((0, 2, 3))
    # skin and hair: more red than green, more green than blue
    assert red > green > blue


def test_the_uncropped_photograph_is_stretched_to_the_square(tmp_path):
    """A ramp over the full width and height stays a ramp over all pixels of the square."""
    folder = tmp_path / "ramps" / "img_align_celeba"
    folder.mkdir(parents=True)
    across, down = np.meshgrid(np.arange(178), np.arange(218))
    ramps = np.stack([across, down, 0 * down], axis=2).astype(np.uint8)
    for number in range(1, 21):
        Image.fromarray(ramps).save(folder / f"{number:06}.png")
    data = load_data("celeba-uncropped", folder.parent, image_size=16)
    image = (data.train.batch(np.array([0]))[0].numpy() + 1) * 127.5
    centres = np.arange(16) + 0.5
    inner = slice(3, -3)  # the filter is cut off at the edges
    assert np.abs(image[0] - (centres * 178 / 16 - 0.5)[None, :])[:, inner].max() < 1
    assert np.abs(image[1] - (centres * 218 / 16 - 0.5)[:, None])[inner].max() < 1
    cropped = load_data("celeba", folder.parent, image_size=16)
    assert cropped.name == "celeba"
    assert (cropped.train.batch(np.array([0]))[0, 0].numpy()[8, 0] + 1) * 127.5 > 15
