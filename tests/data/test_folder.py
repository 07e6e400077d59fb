"""Folders and archives of pictures: what layouts mean, what is decoded, what is refused."""

import os
import re
import zipfile

import numpy as np
import pytest
from PIL import Image

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data import load_data
from seatbelt_vae.data.dataset import joined
from seatbelt_vae.data.registry import source_of
from seatbelt_vae.data.sets.picture_folder import ENDINGS
from seatbelt_vae.errors import DataError

SIDE = 8
RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (12, SIDE, SIDE, 3), np.uint8)
GREY = RNG.integers(0, 256, (12, SIDE, SIDE), np.uint8)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "my pictures é"
    folder.mkdir()
    return folder


def fill(place, names, pictures=COLOUR):
    for name, picture in zip(names, pictures, strict=False):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / name)


def zipped(place):
    """The same files in an archive, with what archivers add."""
    archive = place.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("__MACOSX/a.png", b"not a picture")
        for path in sorted(place.rglob("*")):
            file.write(path, path.relative_to(place.parent))
    return archive


def as_given(place):
    return place


@pytest.fixture(params=[as_given, zipped])
def kept(request):
    """A folder as it is, or as an archive."""
    return request.param


def get(place, **options):
    return load_data("folder", place, image_size=SIDE, **options)


def as_bytes(data):
    """Every image in the order of the files, channels last."""
    every = np.sort(np.concatenate([data.train.indices, data.test.indices]))
    return np.rint((data.train.read(every) + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)


def labels(split):
    return split.factors(np.arange(len(split)))[:, 0].tolist()


def test_pictures_in_one_folder_have_no_class(place, kept):
    fill(place, [f"deep/down/ü {i:02}.png" for i in range(12)])
    data = get(kept(place))
    assert (as_bytes(data) == COLOUR).all()
    assert data.factors == ()
    assert (len(data.train), len(data.test)) == (11, 1)
    assert data.notes == ()


def test_folders_are_classes(place, kept):
    fill(place, [f"all/{'abc'[i // 4]}/deeper/{i:02}.png" for i in range(12)])
    data = get(kept(place))
    assert (as_bytes(data) == COLOUR).all()
    (factor,) = data.factors
    assert (factor.name, factor.size, factor.values) == ("class", 3, ("a", "b", "c"))
    assert labels(data.train) == (data.train.indices // 4).tolist()


def test_train_and_test_are_splits(place, kept):
    fill(place, [f"test/{'ba'[i % 2]}/{i:02}.png" for i in range(4)], COLOUR[8:])
    fill(place, [f"train/{'abc'[i % 3]}/{i:02}.png" for i in range(8)], COLOUR[:8])
    fill(place, ["val/a/x.png"])
    data = get(kept(place))
    assert data.factors[0].values == ("a", "b", "c")
    assert labels(data.train) == [0, 0, 0, 1, 1, 1, 2, 2]
    assert labels(data.test) == [0, 0, 1, 1]
    assert (as_bytes(data)[:8] == COLOUR[[0, 3, 6, 1, 4, 7, 2, 5]]).all()
    assert (as_bytes(data)[8:] == COLOUR[[9, 11, 8, 10]]).all()
    assert data.notes == (
        "training images in train, held-out images in test",
        "1 pictures in val passed over",
    )


def test_train_alone_is_no_split(place):
    fill(place, [f"train/{i}.png" for i in range(4)] + ["other/4.png"])
    assert get(place).factors[0].values == ("other", "train")


def test_pictures_beside_folders_are_refused(place, kept):
    fill(place, ["a/1.png", "b/2.png", "3.png"])
    with pytest.raises(DataError, match=r"holds pictures beside folders of them: put every"):
        get(kept(place))


def test_every_ending_is_read_and_nothing_else(place):
    others = [ending for ending in ENDINGS if ending not in (".pbm", ".pfm")]
    fill(place, [f"{i:02}{ending.upper()}" for i, ending in enumerate(others)], [COLOUR[0]] * 20)
    Image.fromarray(GREY[0] > 127).save(place / "x.pbm")
    Image.fromarray(GREY[0] / np.float32(255)).save(place / "x.pfm")
    for name in ("notes.txt", "Thumbs.db", ".hidden.png"):
        (place / name).write_text("no picture")
    (place / ".git").mkdir()
    (place / ".git" / "a.png").write_text("no picture")
    data = get(place)
    assert len(data.train) + len(data.test) == len(ENDINGS)
    assert data.notes == ("2 files passed over", "2 hidden files and folders passed over")


def test_grey_stays_grey_and_one_in_colour_makes_all_so(place):
    fill(place, [f"{i:02}.png" for i in range(12)], GREY)
    data = get(place)
    assert data.image_shape == (1, SIDE, SIDE)
    assert (as_bytes(data)[..., 0] == GREY).all()
    fill(place, ["99.png"])
    data = get(place)
    assert data.image_shape == (3, SIDE, SIDE)
    assert (as_bytes(data)[:12] == GREY[..., None]).all()
    assert (as_bytes(data)[12] == COLOUR[0]).all()


@pytest.mark.parametrize(("size", "shape"), [(None, (64, 64)), (32, (32, 32))])
def test_any_size_is_made_one(place, size, shape):
    fill(place, ["a.png", "b.png"], [np.full((9, 40, 3), 7, np.uint8), COLOUR[0]])
    data = load_data("folder", place, image_size=size)
    assert data.image_shape == (3, *shape)
    assert (as_bytes(data)[0] == 7).all()


def test_more_files_than_are_decoded_at_once_keep_their_order(place):
    shades = [np.full((2, 2), shade % 256, np.uint8) for shade in range(600)]
    fill(place, [f"{i:04}.png" for i in range(600)], shades)
    data = load_data("folder", place, image_size=2)
    assert (as_bytes(data)[:, 0, 0, 0] == np.arange(600) % 256).all()


def test_a_bad_picture_is_named_or_left_out(place, kept):
    fill(place, [f"{'ab'[i % 2]}/{i:02}.png" for i in range(12)])
    content = (place / "a" / "04.png").read_bytes()
    (place / "a" / "04.png").write_bytes(content[: len(content) // 2])
    root = kept(place)
    with pytest.raises(DataError, match=r"04\.png: it is damaged: .*; leave bad ones out with"):
        get(root)
    assert not list((place.parent / "cache").iterdir())
    data = get(root, skip_bad=True)
    assert (as_bytes(data) == COLOUR[[0, 2, 6, 8, 10, 1, 3, 5, 7, 9, 11]]).all()
    (note,) = data.notes
    assert "1 bad left out: " in note
    assert "04.png: it is damaged" in note


def test_nothing_but_bad_pictures(place):
    for name in ("a.png", "b.png"):
        (place / name).write_text("no picture")
    with pytest.raises(DataError, match=r"has no good picture among 2: .*a\.png: it is no picture"):
        get(place, skip_bad=True)


def test_no_picture_at_all(place, kept):
    (place / "a.txt").write_text("")
    with pytest.raises(DataError, match=r"holds no picture: expected files that end in \.bmp, "):
        get(kept(place))


def test_one_picture_is_not_enough(place):
    fill(place, ["a.png"])
    with pytest.raises(DataError, match=r"gives 1 images.*: at least 2 make a training"):
        get(place)


@pytest.mark.parametrize("name", ["link.png", "link"])
def test_links_out_of_the_folder_are_refused_or_left_out(place, tmp_path, name):
    fill(tmp_path, ["outside/secret.png"])
    fill(place, ["a.png", "b.png"])
    target = tmp_path / "outside" / ("secret.png" if name.endswith("png") else "")
    (place / name).symlink_to(target)
    reason = r"is a link that leads out of its folder, to .*outside"
    with pytest.raises(DataError, match=rf"{reason}.*; leave bad ones out with skip_bad"):
        get(place)
    data = get(place, skip_bad=True)
    assert (as_bytes(data) == COLOUR[:2]).all()
    assert re.search(f"^1 bad left out: .*{reason}", data.notes[0])


def test_a_pipe_is_named_and_not_waited_for(place):
    fill(place, ["a.png", "b.png"])
    os.mkfifo(place / "c.png")
    with pytest.raises(DataError, match=r"c\.png is a pipe, a socket or a device: expected a file"):
        get(place)


@pytest.mark.parametrize("values", [[-1, 0], [0, 65536]])
def test_more_than_sixteen_bits_are_refused(place, values):
    fill(place, ["a.png", "b.png"])
    levels = np.full((SIDE, SIDE), values[0], np.int32)
    levels[3, 4] = values[1]
    Image.fromarray(levels).save(place / "c.tiff")
    expected = rf"c\.tiff: its pixels go from {values[0]} to {values[1]}, expected 8 or 16 bits"
    with pytest.raises(DataError, match=expected):
        get(place)


def test_all_of_sixteen_bits_is_taken(place):
    levels = np.zeros((SIDE, SIDE), np.int32)
    levels[3, 4] = 65535
    for name in ("a.tiff", "b.tiff"):
        Image.fromarray(levels).save(place / name)
    assert (as_bytes(get(place))[0].reshape(SIDE, SIDE) == levels // 257).all()


def test_links_inside_the_folder_are_files(place):
    fill(place, ["a.png", "b.png"])
    (place / "c.png").symlink_to("a.png")
    assert (as_bytes(get(place))[2] == COLOUR[0]).all()


@pytest.mark.parametrize("name", ["gone", "c"])
def test_a_link_to_nowhere_is_named_or_left_out(place, name):
    fill(place, ["a.png", "b.png"])
    (place / "c.png").symlink_to(f"{name}.png")
    reason = rf"c\.png is a link to .*{name}\.png, which is not there: restore that, or delete the"
    with pytest.raises(DataError, match=rf"{reason}.*; leave bad ones out with skip_bad"):
        get(place)
    data = get(place, skip_bad=True)
    assert (as_bytes(data) == COLOUR[:2]).all()
    assert re.search(f"^1 bad left out: .*{reason}", data.notes[0])


def test_hostile_archives_are_refused(tmp_path):
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(DataError, match=r"text\.zip cannot be used: File is not a zip file"):
        get(tmp_path / "text.zip")
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
        archive.writestr("../a.png", b"")
    with pytest.raises(DataError, match=r"'\.\./a\.png' leads out of it"):
        get(tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(1 << 27))
    with pytest.raises(DataError, match=r"a\.png unpacks to 134,217,728 bytes, expected at most"):
        get(tmp_path / "bomb.zip")


def test_changed_pictures_are_not_answered_from_an_old_cache(place):
    fill(place, ["a.png", "b.png"])
    assert (as_bytes(get(place))[0] == COLOUR[0]).all()
    Image.fromarray(COLOUR[5]).save(place / "a.png")
    os.utime(place / "a.png", ns=(1, 1))
    assert (as_bytes(get(place))[0] == COLOUR[5]).all()


def test_the_state_follows_the_preparation(place):
    def state():
        return source_of(config).state(config)

    config = DataConfig("folder", str(place))
    fill(place, ["a.png", "b.png"])
    assert state().startswith(f"will be prepared from {place} into ")
    load_data("folder", place)
    assert state().startswith("ready in ")


@pytest.mark.parametrize(
    ("root", "reason"),
    [
        (None, "'folder' is read from pictures of your own: give their folder, or a zip"),
        ("nowhere", "no such file or folder: nowhere; give the file or folder that holds the"),
    ],
)
def test_what_is_asked_for_must_be_there(root, reason):
    with pytest.raises(DataError, match=reason):
        load_data("folder", root)


def test_a_size_beyond_reason_is_refused(place):
    fill(place, ["a.png", "b.png"])
    with pytest.raises(DataError, match="'folder' at 2000 pixels: expected at most 1024"):
        load_data("folder", place, image_size=2000)


def test_examples_have_the_names_of_their_files(place, kept):
    names = [f"{'ab'[i % 2]}/{i:02}.png" for i in range(12)]
    fill(place, names)
    (place / "a" / "00.png").write_bytes(b"no picture")
    data = get(kept(place), skip_bad=True)
    both = joined(data.train, data.test)
    for split in (data.train, data.test, both):
        for index in range(len(split)):
            name = split.name(index)
            stored = np.rint((split.batch([index])[0].numpy() + 1) * 127.5).astype(np.uint8)
            number = int(name.rpartition("/")[2].removesuffix(".png"))
            assert name.endswith(names[number])
            assert (stored.transpose(1, 2, 0) == COLOUR[number]).all()


def test_a_cache_of_an_older_version_has_no_names(place, tmp_path):
    fill(place, [f"{i:02}.png" for i in range(12)])
    digest = get(place).digest
    (names,) = (tmp_path / "cache").rglob("*.names.json")
    names.unlink()
    assert (get(place).test.name(0), get(place).digest) == (None, digest)
