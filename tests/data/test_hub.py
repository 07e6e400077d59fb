"""Sets in the format of the `datasets` library: local copies, what it keeps, what is refused."""

import io
import json
import os
import re
import socket
import struct
import sys
import zlib
from pathlib import Path

import datasets
import numpy as np
import pyarrow
import pytest
from huggingface_hub import constants
from PIL import Image
from pyarrow import parquet

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data import load_data, prepare
from seatbelt_vae.data.sets import hugging_face
from seatbelt_vae.errors import DataError

from .written_sets import hub as saved_hub

SIDE = 16
RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (12, SIDE, SIDE, 3), np.uint8)
GREY = RNG.integers(0, 256, (12, SIDE, SIDE), np.uint8)
FEATURES = datasets.Features(
    {"id": datasets.Value("string"), "kind": datasets.ClassLabel(names=["ä", "b"])}
    | {"picture": datasets.Image()}
)


@pytest.fixture(autouse=True)
def own_caches_and_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "library"))

    def connect(*_):
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", connect)


def png(array, **options):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG", **options)
    return buffer.getvalue()


def split(pictures, kinds=None):
    """A split of picture files' bytes, or of arrays."""
    pictures = [
        png(picture) if isinstance(picture, np.ndarray) else picture for picture in pictures
    ]
    columns = {
        "id": [str(i) for i in range(len(pictures))],
        "kind": kinds or [i % 2 for i in range(len(pictures))],
        "picture": [one and {"bytes": one, "path": None} for one in pictures],
    }
    return datasets.Dataset.from_dict(columns, features=FEATURES)


def as_dict(folder, **splits):
    datasets.DatasetDict(splits).save_to_disk(folder)


def as_one(folder, train):
    train.save_to_disk(folder)


def as_parquet(folder, **splits):
    (folder / "data").mkdir(parents=True)
    for name, rows in splits.items():
        half = len(rows) // 2
        rows.select(range(half)).to_parquet(folder / "data" / f"{name}-00000-of-00002.parquet")
        rest = rows.select(range(half, len(rows)))
        rest.to_parquet(folder / "data" / f"{name}-00001-of-00002.parquet")


def as_parquet_in_folders(folder, **splits):
    for name, rows in splits.items():
        (folder / name).mkdir(parents=True)
        rows.to_parquet(folder / name / "0000.parquet")


def as_kept(folder, **splits):
    """As the library keeps ``owner/TwoWords`` once it is downloaded."""
    as_parquet(folder / "parquet", **splits)
    files = {
        name: [str(path) for path in sorted((folder / "parquet" / "data").glob(f"{name}-*"))]
        for name in splits
    }
    datasets.load_dataset("parquet", data_files=files, cache_dir=str(folder / "made"))
    (made,) = (folder / "made").rglob("dataset_info.json")
    kept = Path(os.environ["HF_DATASETS_CACHE"]) / "owner___two_words" / "default" / "0.0.0" / "1a"
    kept.mkdir(parents=True)
    for path in made.parent.iterdir():
        path.rename(kept / path.name.replace("parquet-", "two_words-"))


def as_bytes(data):
    every = np.concatenate([data.train.indices, data.test.indices])
    found = np.rint((data.train.read(np.sort(every)) + 1) * 127.5).astype(np.uint8)
    return found.transpose(0, 2, 3, 1)


def from_root(folder, **options):
    return load_data("hf:mine", folder, image_size=SIDE, **options)


@pytest.mark.parametrize("write", [as_dict, as_parquet, as_parquet_in_folders, as_kept])
def test_splits_named_train_and_test_are_honoured(tmp_path, write):
    folder = tmp_path / "a copy"
    write(folder, test=split(COLOUR[9:]), validation=split(COLOUR), train=split(COLOUR[:9]))
    if write is as_kept:
        data = load_data("hf:owner/TwoWords", image_size=SIDE)
    else:
        data = load_data(f"hf:{folder}", image_size=SIDE)
    assert (as_bytes(data) == COLOUR).all()
    assert data.train.indices.tolist() == list(range(9))
    assert data.test.indices.tolist() == [9, 10, 11]
    assert data.test.factors(np.arange(3))[:, 0].tolist() == [0, 1, 0]
    assert [(factor.name, factor.values) for factor in data.factors] == [("kind", ("ä", "b"))]
    assert data.notes == ("split validation passed over", "columns passed over: id")


@pytest.mark.parametrize("write", [as_dict, as_parquet, as_parquet_in_folders])
@pytest.mark.parametrize(
    ("train", "held_out"),
    [("train", "validation"), ("train", "valid"), ("training", "dev"), ("Train", "Test")],
)
def test_the_validation_split_is_held_out_without_a_test_split(tmp_path, write, train, held_out):
    write(tmp_path / "copy", **{held_out: split(COLOUR[9:]), train: split(COLOUR[:9])})
    data = from_root(tmp_path / "copy")
    assert (as_bytes(data) == COLOUR).all()
    assert data.train.indices.tolist() == list(range(9))
    assert data.test.indices.tolist() == [9, 10, 11]
    assert data.notes == ("columns passed over: id",)


def test_a_single_split_is_split_at_random(tmp_path):
    as_one(tmp_path / "one", split(COLOUR))
    as_dict(tmp_path / "other", rest=split(COLOUR))
    as_dict(tmp_path / "more", train=split(COLOUR), unsupervised=split(GREY))
    for name in ("one", "other", "more"):
        data = from_root(tmp_path / name)
        assert (as_bytes(data) == COLOUR).all()
        assert len(data.test) == 1
        together = np.concatenate([data.train.indices, data.test.indices])
        assert (together == np.random.Generator(np.random.Philox(0)).permutation(12)).all()
    as_dict(tmp_path / "strange", a=split(COLOUR), b=split(COLOUR))
    with pytest.raises(DataError, match="has splits a, b: expected train among them"):
        from_root(tmp_path / "strange")


def test_grey_pictures_stay_grey_and_mixed_ones_become_colour(tmp_path):
    as_one(tmp_path / "grey", split(GREY))
    assert (as_bytes(from_root(tmp_path / "grey"))[..., 0] == GREY).all()
    as_one(tmp_path / "mixed", split([*GREY[:11], COLOUR[11]]))
    found = as_bytes(from_root(tmp_path / "mixed"))
    assert (found[:11] == GREY[:11, :, :, None]).all()
    assert (found[11] == COLOUR[11]).all()


def test_the_middle_square_is_resized(tmp_path):
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = np.linspace(50, 200, 10)[:, None]
    as_one(tmp_path / "copy", split([wide, wide.T.copy()]))
    data = load_data("hf:mine", tmp_path / "copy")
    assert data.image_shape == (1, 64, 64)
    first, second = as_bytes(data)[..., 0].astype(int)
    assert abs(first - second.T).max() <= 1
    assert first.min() >= 40
    expected = np.interp((np.arange(64) + 0.5) / 6.4 - 0.5, np.arange(10), wide[:, 15])
    assert abs(first - expected[:, None])[4:-4].max() <= 3


def palette():
    picture = Image.fromarray(COLOUR[0]).quantize(16)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue(), np.asarray(picture.convert("RGB"))


def opaque():
    alpha = np.full((SIDE, SIDE, 1), 255, np.uint8)
    return png(np.concatenate([COLOUR[0], alpha], 2)), COLOUR[0]


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return png(COLOUR[0], exif=exif), np.rot90(COLOUR[0], -1)


def sixteen_bits():
    return png(GREY[0].astype(np.uint16) * 257), np.repeat(GREY[0][..., None], 3, 2)


@pytest.mark.parametrize("make", [palette, opaque, turned, sixteen_bits])
def test_unusual_pictures_are_read_as_they_look(tmp_path, make):
    content, expected = make()
    as_one(tmp_path / "copy", split([content, COLOUR[1]]))
    assert (as_bytes(from_root(tmp_path / "copy"))[0] == expected).all()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(side):
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def see_through():
    return png(np.zeros((SIDE, SIDE, 4), np.uint8))


def animated():
    buffer = io.BytesIO()
    frames = [Image.fromarray(picture) for picture in GREY[:3]]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


BAD = [
    (None, "it has no picture inside the copy: write one with save_to_disk"),
    (b"", "it is no picture of a known format"),
    (b"no picture", r"it is no picture of a known format \(PNG, JPEG"),
    (png(GREY[0])[:150], "it is damaged: .*truncated"),
    (bomb(9000), "it has 9000×9000 pixels, expected at most 67,108,864"),
    (bomb(100_000), "it has far too many pixels"),
    (see_through(), "it is see-through, expected every pixel to be opaque"),
    (animated(), "it has 3 frames, expected 1"),
]


@pytest.mark.parametrize(("content", "reason"), BAD)
def test_a_bad_picture_is_named_or_left_out(tmp_path, content, reason):
    train = [*GREY[:8], content, *GREY[8:]]
    as_dict(tmp_path / "copy", train=split(train), test=split(GREY))
    with pytest.raises(DataError, match=f"copy: example 8 of train: {reason}") as caught:
        from_root(tmp_path / "copy")
    assert str(caught.value).endswith("; leave bad ones out with skip_bad")
    assert not list(tmp_path.glob("cache/*"))
    data = from_root(tmp_path / "copy", skip_bad=True)
    assert (as_bytes(data)[:12, :, :, 0] == GREY).all()
    assert data.train.factors(np.arange(12))[:, 0].tolist() == [0, 1] * 4 + [1, 0, 1, 0]
    *_, note = data.notes
    assert re.match(f"1 bad left out: .*copy: example 8 of train: {reason}", note)
    assert len(data.train) == len(data.test) == 12


@pytest.mark.parametrize("missing", [None, -1])
def test_an_example_without_a_label_is_named_or_left_out(tmp_path, missing):
    as_one(tmp_path / "copy", split(GREY[:4], [0, 1, missing, 1]))
    with pytest.raises(DataError, match=f"example 2 of train: its kind is {missing}, expected 0 t"):
        from_root(tmp_path / "copy")
    assert len(from_root(tmp_path / "copy", skip_bad=True).train) == 2


def test_a_split_without_a_good_example_is_refused(tmp_path):
    as_dict(tmp_path / "copy", train=split(GREY), test=split([b"bad"]))
    with pytest.raises(DataError, match="has no good example in its split test"):
        from_root(tmp_path / "copy", skip_bad=True)
    as_parquet_in_folders(tmp_path / "none", train=split(GREY), test=split([]))
    with pytest.raises(DataError, match="has no good example in its split test"):
        from_root(tmp_path / "none")


@pytest.mark.skipif(datasets.__version__ < "5", reason="datasets 4 cannot write an empty set")
def test_an_empty_set_is_refused(tmp_path):
    as_one(tmp_path / "nothing", split([]))
    with pytest.raises(DataError, match="nothing cannot be read as a data set: "):
        from_root(tmp_path / "nothing")


def without_pictures(rows):
    return rows.remove_columns("picture")


def with_two(rows):
    other = [{"bytes": png(picture), "path": None} for picture in GREY]
    return rows.add_column("other", other, feature=datasets.Image())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without_pictures, "has the columns id, kind: expected exactly one of pictures"),
        (with_two, "has the columns picture, other: expected exactly one of pictures"),
    ],
)
def test_copies_without_one_column_of_pictures_are_refused(tmp_path, change, reason):
    as_one(tmp_path / "copy", change(split(GREY)))
    with pytest.raises(DataError, match=reason):
        from_root(tmp_path / "copy")


@pytest.mark.parametrize("keys", [("bytes", "path"), ("path", "bytes")])
def test_parquet_of_other_programs_needs_no_stated_types(tmp_path, keys):
    pictures = [{"bytes": png(one), "path": "a.png"} for one in GREY]
    stored = pyarrow.array([{key: one[key] for key in keys} for one in pictures])
    (tmp_path / "copy").mkdir()
    parquet.write_table(pyarrow.table({"image": stored}), tmp_path / "copy/train.parquet")
    assert (as_bytes(from_root(tmp_path / "copy"))[..., 0] == GREY).all()


def test_splits_that_differ_are_refused(tmp_path):
    test = split(GREY).remove_columns("kind")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    as_one(tmp_path / "copy" / "train", split(GREY))
    as_one(tmp_path / "copy" / "test", test)
    with pytest.raises(DataError, match="has splits with other columns or classes than the first"):
        from_root(tmp_path / "copy")


def shorten(folder):
    path = next(folder.rglob("*.arrow"))
    path.write_bytes(path.read_bytes()[:-2000])


def remove(folder):
    next(folder.rglob("*.arrow")).unlink()


def garble(folder):
    (folder / "train" / "state.json").write_text("{")


def lead_out(folder):
    path = next((folder / "train").glob("*.arrow"))
    path.rename(folder.parent / "elsewhere.arrow")
    state = folder / "train" / "state.json"
    text = json.loads(state.read_text())
    text["_data_files"] = [{"filename": "../../elsewhere.arrow"}]
    state.write_text(json.dumps(text))


def link_out(folder):
    path = next((folder / "train").glob("*.arrow"))
    path.rename(folder.parent / "elsewhere.arrow")
    path.symlink_to(folder.parent / "elsewhere.arrow")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (shorten, "copy cannot be read as a data set: "),
        (remove, "copy cannot be read as a data set: .*No such file"),
        (garble, "copy cannot be read as a data set: Expecting property name"),
        (lead_out, r"elsewhere\.arrow is a link that leads out of its folder"),
        (link_out, r"arrow is a link that leads out of its folder, to .*elsewhere\.arrow"),
    ],
)
def test_damaged_copies_are_named(tmp_path, damage, reason):
    as_dict(tmp_path / "copy", train=split(COLOUR), test=split(COLOUR))
    damage(tmp_path / "copy")
    with pytest.raises(DataError, match=reason) as caught:
        from_root(tmp_path / "copy")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("cache/*"))


def test_a_parquet_file_elsewhere_is_not_followed(tmp_path):
    as_parquet(tmp_path / "copy", train=split(COLOUR))
    path = tmp_path / "copy" / "data" / "train-00001-of-00002.parquet"
    path.rename(tmp_path / "elsewhere.parquet")
    path.symlink_to(tmp_path / "elsewhere.parquet")
    with pytest.raises(DataError, match=r"is a link that leads out of its folder, to .*elsewhere"):
        from_root(tmp_path / "copy")


@pytest.mark.parametrize("end", [0, 3, 200, -1])
def test_a_parquet_file_cut_short_is_named(tmp_path, end):
    as_parquet(tmp_path / "copy", train=split(COLOUR))
    path = tmp_path / "copy" / "data" / "train-00001-of-00002.parquet"
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(DataError, match="copy cannot be read as a data set: ") as caught:
        from_root(tmp_path / "copy")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hf", "unknown data set 'hf': .*known: .*hf:NAME"),
        ("hg:mnist", "data set 'hg:mnist': no module named 'hg': install it, or run from"),
        (
            "array:x",
            "no such file or folder: x; give the file or folder that holds the files of 'array'",
        ),
        ("hf:", "'hf:' names no data set: expected hf:NAME, hf:OWNER/NAME or hf:/path"),
        ("hf:a/b/c", "'hf:a/b/c' names no data set"),
        ("hf:a b", "'hf:a b' names no data set"),
        ("hf:owner/none", "owner/none is not on this machine: fetch it with `seatbelt-vae data "),
        ("hf:/no/such", "no such folder: /no/such; give the folder of a copy of a data set"),
        ("hf:./none", "no such folder: none; give the folder of a copy"),
    ],
)
def test_names_that_lead_nowhere(name, reason):
    with pytest.raises(DataError, match=reason):
        load_data(name)


def test_folders_and_sizes_that_lead_nowhere(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty is no copy of a data set: expected a folder writt"):
        from_root(tmp_path / "empty")
    (tmp_path / "empty" / "notes.json").write_text("{}")
    with pytest.raises(DataError, match="empty is no copy of a data set: expected a folder writt"):
        from_root(tmp_path / "empty")
    with pytest.raises(DataError, match="'hf:mine' at 1025 pixels: expected at most 1024"):
        load_data("hf:mine", saved_hub(tmp_path / "copy")[1], image_size=1025)


def test_the_state_follows_the_copy(tmp_path):
    name, root = saved_hub(tmp_path / "copy")
    config = DataConfig(name, str(root))
    assert hugging_face.preparation(config).state.startswith(
        f"will be prepared from the copy of {root} into "
    )
    load_data(name, root)
    assert hugging_face.preparation(config).state.startswith("ready in ")
    assert hugging_face.preparation(DataConfig(name, str(root), None, 32)).state.startswith(
        "will be prepared"
    )
    saved_hub(tmp_path / "copy")
    assert hugging_face.preparation(config).state.startswith("will be prepared")


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    name, root = saved_hub(tmp_path / "copy")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"is missing: `pip install 'seatbelt-vae\[hub\]'`"):
        load_data(name, root)


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """What the library is asked for, and whether it was offline then."""
    requests = []

    def load_dataset(name, **_):
        offline = datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
        requests.append((name, *offline))
        if not datasets.config.HF_HUB_OFFLINE:
            as_kept(tmp_path / "made", train=split(COLOUR))
        return datasets.DatasetDict(train=split(COLOUR))

    real = datasets.load_dataset
    monkeypatch.setattr(
        datasets,
        "load_dataset",
        lambda name, **options: (real if name == "parquet" else load_dataset)(name, **options),
    )
    return requests


def test_only_a_download_goes_online(asked):
    with pytest.raises(DataError, match="is not on this machine"):
        prepare("hf:owner/TwoWords")
    assert asked == []
    ready = prepare("hf:owner/TwoWords", download=True)
    assert len(ready.data.train) == 11
    assert asked[0] == ("owner/TwoWords", False, False)
    assert asked[1] == ("owner/TwoWords", True, True)
    assert (datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE) == (False, False)


def test_what_is_not_downloaded_says_so(tmp_path):
    name, root = saved_hub(tmp_path / "copy")
    with pytest.raises(DataError, match="copy is a local copy: there is nothing to download"):
        prepare(name, root, download=True)
    with pytest.raises(DataError, match=r"'swiss-roll' is not downloaded \(generated\): leave dow"):
        prepare("swiss-roll", download=True)


def test_a_download_without_network_is_one_line(monkeypatch):
    def load_dataset(*_, **__):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(DataError, match=r"owner/name cannot be read as a data set: no route$"):
        prepare("hf:owner/name", download=True)


def test_many_batches_keep_their_order(tmp_path):
    shades = np.arange(600) % 256
    pictures = [np.full((4, 4), shade, np.uint8) for shade in shades]
    as_one(tmp_path / "copy", split(pictures))
    data = load_data("hf:mine", tmp_path / "copy", image_size=4)
    assert (as_bytes(data)[:, 0, 0, 0] == shades).all()
    assert data.train.factors_of is not None
    assert (data.train.factors_of(np.arange(600))[:, 0] == np.arange(600) % 2).all()
    as_one(tmp_path / "bad", split([*pictures[:500], b"bad"]))
    with pytest.raises(DataError, match="example 500 of train: it is no picture"):
        load_data("hf:mine", tmp_path / "bad")
