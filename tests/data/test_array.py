"""Arrays of images from a user's own file: every format, layout and type, and what is refused."""

import sys
import tracemalloc
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data import load_data
from seatbelt_vae.data.readers import stored_array
from seatbelt_vae.data.sets import array as array_set
from seatbelt_vae.errors import DataError

COUNT = 20
BYTES = np.random.default_rng(0).integers(0, 256, (COUNT, 3, 5, 4), np.uint8)
GREY = BYTES[:, 0]


@pytest.fixture(autouse=True)
def small_blocks(tmp_path, monkeypatch):
    """Every file is read in several blocks, the last of which is shorter."""
    monkeypatch.setattr(stored_array, "_BLOCK_BYTES", 1000)
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))


def npy(path, images, **_):
    np.save(path, images)


def npz(path, **arrays):
    np.savez(path, **arrays)


def npz_deflated(path, **arrays):
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def h5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


def h5_in_chunks(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            chunks = (min(7, len(array)), *array.shape[1:])
            file.create_dataset(name, data=array, chunks=chunks, compression="gzip")


def safetensors(path, **arrays):
    save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, path)


FORMATS = [
    (npy, "a.npy"),
    (npz, "a.npz"),
    (npz_deflated, "ä b.NPZ"),
    (h5, "a.h5"),
    (h5_in_chunks, "a.hdf5"),
    (safetensors, "a.safetensors"),
]


def as_bytes(data):
    """Every image of a set as bytes, in the order of its file."""
    return np.rint((data.train.read(np.arange(COUNT)) + 1) * 127.5).astype(np.uint8)


def saved(folder, **arrays):
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


@pytest.mark.parametrize(("write", "name"), FORMATS)
@pytest.mark.parametrize("whole", [False, True])
def test_every_format_gives_the_same_set(tmp_path, write, name, whole):
    write(tmp_path / name, images=BYTES, labels=np.arange(COUNT) % 7)
    data = load_data("array", tmp_path if whole else tmp_path / name)
    assert (as_bytes(data) == BYTES).all()
    assert data.image_shape == (3, 5, 4)
    assert (len(data.train), len(data.test)) == (18, 2)
    if write is not npy:
        assert data.factors[0].size == 7
        assert (data.train.factors(np.arange(18))[:, 0] == data.train.indices % 7).all()


@pytest.mark.parametrize(
    ("name", "images", "expected"),
    [
        ("images", GREY, GREY[:, None]),
        ("IMGS", GREY[..., None], GREY[:, None]),
        ("x", GREY[:, None], GREY[:, None]),
        ("data", BYTES, BYTES),
        ("pictures", BYTES.transpose(0, 2, 3, 1), BYTES),
        ("images_nchw", BYTES[:, :, :, :3], BYTES[:, :, :, :3]),
        ("x_nhwc", BYTES[:, :, :, :3], BYTES[:, :, :, :3].transpose(0, 3, 1, 2)),
        ("x_nhw", GREY, GREY[:, None]),
    ],
)
def test_axes_are_told_from_shape_or_name(tmp_path, name, images, expected):
    path = saved(tmp_path, **{name: images, "weights": np.zeros((2, 2))})
    assert (as_bytes(load_data("array", path)) == expected).all()


def column_first(path):
    np.save(path, np.asfortranarray(GREY))


def test_an_npy_file_in_fortran_order(tmp_path):
    column_first(tmp_path / "a.npy")
    assert (as_bytes(load_data("array", tmp_path))[:, 0] == GREY).all()


BITS = (GREY > 99).astype(np.uint8)
RAMP = np.linspace(0, 1, COUNT * 20).reshape(COUNT, 5, 4)


@pytest.mark.parametrize(
    ("images", "expected", "note"),
    [
        (GREY, GREY, ""),
        (BITS, 255 * BITS, "values 0 and 1 are black and white"),
        (BITS.astype(bool), 255 * BITS, "values 0 and 1 are black and white"),
        (GREY.astype(np.uint16) * 257, GREY, "16-bit values, kept as bytes"),
        ((GREY * 257.0 - 128 * (GREY > 0)).astype(">u2"), GREY, "16-bit values, kept as bytes"),
        (GREY / 255, GREY, "floats from 0 to 1, kept as bytes"),
        ((GREY / 255).astype(np.float32), GREY, "floats from 0 to 1, kept as bytes"),
        ((GREY / 255).astype(np.float16), GREY, "floats from 0 to 1, kept as bytes"),
        ((GREY / 255).astype(">f4"), GREY, "floats from 0 to 1, kept as bytes"),
        (GREY / 127.5 - 1, GREY, "floats from -1 to 1, kept as bytes"),
        ((GREY / 127.5 - 1).astype(np.float32), GREY, "floats from -1 to 1, kept as bytes"),
        (RAMP, (255 * RAMP + 0.5).astype(np.uint8), "floats from 0 to 1, kept as bytes"),
    ],
)
def test_values_are_told_from_type_and_range(tmp_path, images, expected, note):
    data = load_data("array", saved(tmp_path, images=images))
    assert (as_bytes(data)[:, 0] == expected).all()
    assert data.notes == ((note,) if note else ())


TALL = GREY.astype(np.int64) * 9 - 700


@pytest.mark.parametrize("kind", ["i2", "i4", "i8", "f2", "f4", "f8", ">i4"])
def test_black_and_white_can_be_stated(tmp_path, kind):
    stored = TALL.astype(kind)
    data = load_data("array", saved(tmp_path, images=stored), black=-100, white=900)
    expected = 255 * ((stored.astype(float) + 100) / 1000).clip(0, 1)
    assert abs(as_bytes(data)[:, 0] - expected).max() <= 0.5001
    assert data.notes == (
        "values from -100 to 900, kept as bytes",
        f"{np.dtype(kind)}: values from -700 to 1595 are clipped to -100 to 900",
    )


@pytest.mark.parametrize(("kind", "white"), [("i1", 127), ("i2", 32767), ("u2", 65535)])
def test_white_is_the_largest_value_of_the_type(tmp_path, kind, white):
    stored = np.linspace(0, white, COUNT * 16).astype(kind).reshape(COUNT, 4, 4)
    data = load_data("array", saved(tmp_path, images=stored), black=0)
    expected = np.rint(255 * (stored.astype(float) / white))
    for split in (data.train, data.test):
        found = np.rint((split.batch(np.arange(len(split))).numpy()[:, 0] + 1) * 127.5)
        assert (found == expected[split.indices]).all()


@pytest.mark.parametrize(
    ("images", "options", "expected"),
    [
        (GREY.astype(np.int64), {"black": 0, "white": 255}, GREY),
        (GREY.astype(np.int8).view(np.uint8), {"black": 255, "white": 0}, 255 - GREY),
        (GREY // 16, {"white": 15}, 17 * (GREY // 16)),
        ((GREY // 16).astype(np.float64), {"white": 15}, 17 * (GREY // 16)),
        (GREY.astype(np.uint32) << 24, {"white": 255 << 24}, GREY),
        (GREY > 99, {"black": 1, "white": 0}, 255 * (GREY <= 99)),
    ],
)
def test_stated_levels_replace_those_of_the_type(tmp_path, images, options, expected):
    data = load_data("array", saved(tmp_path, images=images), **options)
    assert (as_bytes(data)[:, 0] == expected).all()


def with_constant_channel(images):
    changed = images.copy()
    changed[:, 1] = 7
    return changed


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_a_constant_channel_is_reported(tmp_path, layout):
    images = with_constant_channel(BYTES)
    images = images if layout == "nchw" else images.transpose(0, 2, 3, 1)
    data = load_data("array", saved(tmp_path, images=images))
    assert data.notes == ("uint8: green is 7 in every picture",)


@pytest.mark.parametrize(
    ("images", "note"),
    [
        (GREY // 16, "uint8: values from 0 to 15 of 0 to 255: black=0 and white=15 stretch them"),
        (GREY // 2 + 128, "uint8: values from 128 to 255 of 0 to 255: black=128 and white=255"),
        (GREY.astype("u2") * 16, "uint16: values from 0 to 4080 of 0 to 65535: black=0 and wh"),
        (GREY / 1020, "float64: values from 0 to 0.25 of 0 to 1: black=0 and white=0.25 stretch"),
    ],
)
def test_unused_levels_are_reported(tmp_path, images, note):
    assert load_data("array", saved(tmp_path, images=images)).notes[-1].startswith(note)


@pytest.mark.parametrize(
    ("images", "options", "reason"),
    [
        (TALL, {"black": -9}, "values of type int64; .*: state the values of black and white"),
        (GREY / 255, {"white": 0}, "values of type float64; .*: state the values of black and w"),
        (GREY.astype(complex), {"white": 9}, "values of type complex128; expected"),
    ],
)
def test_levels_without_a_meaning_are_refused(tmp_path, images, options, reason):
    with pytest.raises(DataError, match=reason):
        load_data("array", saved(tmp_path, images=images), **options)


def test_levels_do_not_hide_nan(tmp_path):
    path = saved(tmp_path, images=put(np.nan))
    with pytest.raises(DataError, match=r"images has nan at \[17, 3, 2\]; .*: save it without NaN"):
        load_data("array", path, white=3)


def put(value, place=(17, 3, 2), start=0.0):
    images = np.full((COUNT, 5, 4), start, np.float32)
    images[place] = value
    return images


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (put(np.nan), r"images has nan at \[17, 3, 2\]; expected uint8, bool, uint16, or floats"),
        (put(np.inf), r"images has inf at \[17, 3, 2\]"),
        (put(-np.inf, (0, 4, 3)), r"images has -inf at \[0, 4, 3\]"),
        (put(1.5), r"images has 1.5 at \[17, 3, 2\].*: scale or clip it to these values"),
        (put(-1.25, (19, 0, 0), -1.0), r"images has -1.25 at \[19, 0, 0\]"),
        (put(-0.01), r"has -0.01 at \[17, 3, 2\] and no value of -0.5 or below, .*: clip it"),
        (put(-0.4) + put(-0.1, (19, 0, 0)), r"has -0.4 at \[17, 3, 2\] and no value of -0.5"),
        (GREY.astype(np.int64), r"values of type int64; .*: cast .* with astype\('uint8'\)"),
        (GREY.astype(np.int8), "values of type int8; expected"),
        (GREY.astype(complex), "values of type complex128; expected"),
        (GREY.astype(str), "values of type <U3; expected"),
        (GREY.astype(np.uint16), "uint16 with no value above 255; .*: save bytes as uint8"),
        (GREY[:0], "holds 0 images: at least 2 make a training and a test split"),
        (GREY[:1], "holds 1 images: at least 2"),
        (GREY[:, :0], r"images has shape \(20, 0, 4\), expected \(N, H, W\), "),
        (GREY.reshape(COUNT, -1), r"images has shape \(20, 20\), expected \(N, H, W\), "),
        (BYTES[..., None], r"images has shape \(20, 3, 5, 4, 1\), expected"),
        (np.zeros((9, 5, 5, 4), np.uint8), r"shape \(9, 5, 5, 4\), expected .* with 1 or 3"),
        (np.zeros((9, 3, 5, 3), np.uint8), r"which may be \(N, C, H, W\) or .* images_nhwc"),
        (np.zeros((2, 1, 1 << 25), np.uint8), "images of at most 16,777,216 values: shrink"),
        (np.array([None, {}]), "images holds pickled objects, which are never opened"),
    ],
)
def test_arrays_that_are_not_images_are_refused(tmp_path, images, reason):
    path = saved(tmp_path, images=images)
    with pytest.raises(DataError, match=reason) as caught:
        load_data("array", path)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({}, "holds no array: expected one array of 3 or 4 axes, or one named images, imgs, x"),
        ({"a": BITS, "b": BITS}, r"holds a \(20, 5, 4\), b \(20, 5, 4\): expected one array"),
        ({"a": BITS[0]}, r"holds a \(5, 4\): expected one array of 3 or 4"),
        ({"x": BITS, "data": BITS}, r"holds x \(20, 5, 4\), data \(20, 5, 4\): expected one"),
        ({"x": BITS, "y": BITS[0, 0], "labels": BITS[0, 0]}, "holds y, labels: keep one of them"),
        ({"x": BITS, "y": np.arange(19)}, "y has 19 rows for the 20 images of x: expected one"),
        ({"x": BITS, "y": BITS}, r"y is uint8 of shape \(20, 5, 4\), expected integers"),
        ({"x": BITS, "y": np.array("a")}, r"y is <U1 of shape \(\), expected integers"),
        ({"x": BITS, "y": np.full(COUNT, None)}, r"y is object of shape \(20,\), expected"),
        ({"x": BITS, "y": np.full(COUNT, np.nan)}, "y has values that are not finite, expected"),
        ({"x": BITS, "y": RAMP.reshape(-1)}, "y has floats with 400 distinct values in one"),
    ],
)
def test_files_with_other_arrays_are_refused(tmp_path, arrays, reason):
    with pytest.raises(DataError, match=reason):
        load_data("array", saved(tmp_path, **arrays))


@pytest.mark.parametrize(("write", "name"), [FORMATS[i] for i in (0, 1, 2, 3, 5)])
@pytest.mark.parametrize(("shape", "told"), [((), r"\(\)"), ((1,), r"\(1,\)")])
def test_an_array_of_no_image_axes_is_refused(tmp_path, write, name, shape, told):
    write(tmp_path / name, images=np.full(shape, 3, np.float32))
    with pytest.raises(DataError, match=rf"{told}(, expected \(N, H, W\)|: expected one)"):
        load_data("array", tmp_path / name)


def test_distinct_labels_are_numbered_in_their_order(tmp_path):
    labels = np.stack([np.arange(COUNT) % 2, 5 - 3 * (np.arange(COUNT) % 3)], axis=1)
    data = load_data("array", saved(tmp_path, images=GREY, targets=labels))
    assert [(factor.name, factor.size, factor.values) for factor in data.factors] == [
        ("targets 0", 2, ()),
        ("targets 1", 3, ("-1", "2", "5")),
    ]
    assert data.train.factors_of is not None
    assert data.train.factors_of(np.arange(4)).tolist() == [[0, 2], [1, 1], [0, 0], [1, 2]]


def test_labels_that_are_a_few_floats_are_levels(tmp_path):
    levels = np.arange(COUNT)[:, None] % 4 / 4
    data = load_data("array", saved(tmp_path, images=GREY, labels=levels))
    assert data.factors[0].values == ("0", "0.25", "0.5", "0.75")
    assert (data.test.factors(np.arange(2))[:, 0] == data.test.indices % 4).all()


def test_real_tiles_of_the_published_chairs(shared):
    path = shared / "data" / "chairs_aubry_100" / "chairs_100_64x64.npz"
    data = load_data("array", path)
    assert (len(data.train), len(data.test), data.image_shape) == (90, 10, (1, 64, 64))
    found = np.rint((data.train.read(np.arange(100)) + 1) * 127.5)
    assert (found == np.load(path)["imgs"][:, None]).all()


def test_a_changed_file_is_prepared_anew(tmp_path):
    path = saved(tmp_path, images=GREY)
    config = DataConfig("array", str(path))
    assert array_set.preparation(config).state.startswith(f"will be prepared from {path} into ")
    load_data("array", path)
    assert array_set.preparation(config).state.startswith("ready in ")
    saved(tmp_path, images=255 - GREY)
    assert array_set.preparation(config).state.startswith("will be prepared from")
    assert (as_bytes(load_data("array", path))[:, 0] == 255 - GREY).all()


def test_memory_stays_flat(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_array, "_BLOCK_BYTES", 1 << 16)
    images = np.zeros((2000, 64, 64), np.float32)
    images[1::2] = 1
    for write, name in FORMATS:
        path = tmp_path / name
        write(path, images=images)
        tracemalloc.start()
        data = load_data("array", path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < images.nbytes / 16, name
        assert data.train.read(np.array([0, 1]))[:, 0, 0, 0].tolist() == [-1, 1]
        path.unlink()


def test_a_folder_must_hold_one_file(tmp_path):
    with pytest.raises(DataError, match=r"'array' is read from a file: give as root one file"):
        load_data("array")
    with pytest.raises(DataError, match=r"holds none; expected one file of arrays \(\.npy, "):
        load_data("array", tmp_path)
    npy(tmp_path / "b.npy", GREY)
    saved(tmp_path, images=GREY)
    with pytest.raises(DataError, match=r"holds a\.npz, b\.npy; expected one file .* as root"):
        load_data("array", tmp_path)
    with pytest.raises(DataError, match=r"no such file or folder: .*c\.npy; give the file or"):
        load_data("array", tmp_path / "c.npy")
    (tmp_path / "c.txt").write_text("1 2 3")
    with pytest.raises(DataError, match=r"c\.txt is no file of arrays: expected \.npy, \.npz"):
        load_data("array", tmp_path / "c.txt")
    with pytest.raises(DataError, match=r"no such folder: .*a\.npz; give the folder"):
        load_data("mnist", tmp_path / "a.npz")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "folder").mkdir()
    target = saved(tmp_path / "elsewhere", images=GREY)
    (tmp_path / "folder" / "a.npz").symlink_to(target)
    with pytest.raises(DataError, match=r"is a link that leads out of its folder, to .*elsewhere"):
        load_data("array", tmp_path / "folder")
    assert len(load_data("array", tmp_path / "folder" / "a.npz").train) == 18


class Trap:
    """Pickled, it writes a file as soon as it is opened."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_pickles_are_never_opened(tmp_path, name):
    trapped = np.full((COUNT, 5, 4), Trap(tmp_path / "sprung"))
    (npy if name == "a.npy" else npz)(tmp_path / name, images=trapped)
    with pytest.raises(DataError, match=r"holds pickled objects, which are never opened"):
        load_data("array", tmp_path / name)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(("write", "name"), FORMATS)
def test_any_file_cut_short_is_refused(tmp_path, write, name):
    path = tmp_path / name
    write(path, images=BYTES)
    whole = path.read_bytes()
    for end in [*range(0, len(whole), 61), len(whole) - 1]:
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match=r"a\.|b\.") as caught:
            load_data("array", path)
        assert "\n" not in str(caught.value)
        assert not list(tmp_path.glob("cache/*"))


# NumPy warns of headers written by Python 2, which some damage resembles
@pytest.mark.filterwarnings("ignore:Reading .*header parsing")
@pytest.mark.parametrize(("write", "name"), FORMATS)
def test_any_damage_is_an_error_or_another_image(tmp_path, write, name):
    path = tmp_path / name
    write(path, images=BYTES[:3], labels=np.arange(3))
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in range(0, len(whole), max(2, len(whole) // 300)):
        damaged = bytearray(whole)
        damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            data = load_data("array", path)
        except DataError:
            continue
        assert np.isfinite(data.train.read(np.arange(2))).all()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no whole .npy file: EOF: reading magic string"),
        (b"GIF89a" + bytes(99), "is no whole .npy file: the magic string is not correct"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "is no whole .npy file: EOF: reading array header"),
    ],
)
def test_npy_files_that_are_none(tmp_path, content, reason):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataError, match=reason):
        load_data("array", tmp_path)


def test_an_npy_file_of_another_length(tmp_path):
    path = tmp_path / "a.npy"
    npy(path, GREY)
    whole = path.read_bytes()
    for content in (whole[:-1], whole + b"\0"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"it has {len(content)} bytes, expected {len(whole)}"):
            load_data("array", path)
    path.write_bytes(whole.replace(b"(20, 5, 4)", b"(20,-5,-4)"))
    with pytest.raises(DataError, match=r"is no whole .npy file: shape \(20, -5, -4\)"):
        load_data("array", path)


def test_an_archive_that_is_none(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"a\.npz cannot be used: File is not a zip file"):
        load_data("array", tmp_path)
    np.savez(tmp_path / "a.npz", images=np.asfortranarray(BYTES))
    with pytest.raises(DataError, match=r"images lies in Fortran order: save np.ascontiguousarray"):
        load_data("array", tmp_path)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", b"no array")
        archive.writestr("readme.txt", b"")
    with pytest.raises(DataError, match="cannot be used: the magic string is not correct"):
        load_data("array", tmp_path)


def linked(file):
    file["images"] = h5py.ExternalLink("other.h5", "images")


def softly_linked(file):
    file["images"] = h5py.SoftLink("/hidden/images")


def virtual(file):
    layout = h5py.VirtualLayout(GREY.shape, GREY.dtype)
    layout[:] = h5py.VirtualSource("other.h5", "images", GREY.shape)
    file.create_virtual_dataset("images", layout)


def external(file):
    file.create_dataset("images", GREY.shape, GREY.dtype, external=[("/etc/hostname", 0, 400)])


def of_nothing(file):
    file.create_dataset("images", (10**9, 64, 64), np.uint8, chunks=(1, 64, 64))


def in_huge_chunks(file):
    shape = (1 << 29, 2, 2)
    file.create_dataset("images", shape, np.uint8, chunks=(1 << 27, 2, 2))


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (linked, "holds no array: expected one array"),
        (softly_linked, "holds no array: expected one array"),
        (virtual, "is no usable HDF5 file: images lies in other files: copy it into this one"),
        (external, "is no usable HDF5 file: images lies in other files"),
        (of_nothing, r"images states 4096000000000 bytes and holds 0, fewer than any packing"),
        (in_huge_chunks, r"images lies in chunks of shape \(134217728, 2, 2\): use chunks below"),
    ],
)
def test_hdf5_files_that_reach_out_or_blow_up_are_refused(tmp_path, write, reason):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        write(file)
    with pytest.raises(DataError, match=reason):
        load_data("array", tmp_path)


def test_hdf5_without_h5py_names_the_extra(tmp_path, monkeypatch):
    h5(tmp_path / "a.h5", images=GREY)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataError, match=r"needs h5py, .*: `pip install 'seatbelt-vae\[hdf5\]'`"):
        load_data("array", tmp_path)


def test_safetensors_of_a_type_numpy_lacks(tmp_path):
    import torch
    from safetensors.torch import save_file as save_tensors

    save_tensors(
        {"images": torch.zeros(20, 5, 4, dtype=torch.bfloat16)}, tmp_path / "a.safetensors"
    )
    with pytest.raises(DataError, match="images is BF16, expected one of BOOL, F16, F32"):
        load_data("array", tmp_path)


@pytest.mark.parametrize(
    ("values", "shape"),
    [(64, (1, 8, 8)), (784, (1, 28, 28)), (192, (3, 8, 8)), (3072, (3, 32, 32))],
)
def test_rows_of_bytes_are_square_images(tmp_path, values, shape):
    rows = np.random.default_rng(0).integers(0, 256, (20, values), np.uint8)
    np.save(tmp_path / "rows.npy", rows)
    data = load_data("array", tmp_path / "rows.npy")
    assert data.image_shape == shape
    assert data.notes == (f"rows of {values:,} bytes are read as images {data_shape(shape)}",)
    for split in (data.train, data.test):
        found = np.rint((split.batch(np.arange(len(split))).numpy() + 1) * 127.5)
        assert (found.reshape(len(split), -1) == rows[split.indices]).all()


def data_shape(shape):
    """The shape as the note states it."""
    return "×".join(map(str, shape[1:] if shape[0] == 1 else shape))


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((20, 50), np.uint8),
        np.zeros((20, 49), np.uint8),
        np.zeros((64, 64), np.uint8),
        np.zeros((20, 64), np.float32),
    ],
    ids=["no square", "too small", "one picture", "floats"],
)
def test_other_rows_are_no_images(tmp_path, rows):
    np.save(tmp_path / "rows.npy", rows)
    with pytest.raises(DataError, match="expected one array of 3 or 4 axes"):
        load_data("array", tmp_path / "rows.npy")


def test_groups_of_hdf5_are_splits(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8), np.uint8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["train/images"], file["test/images"] = images[:22], images[22:]
        file["test/round"] = file["test"]  # a group that contains itself
    data = load_data("array", tmp_path / "a.h5")
    assert (len(data.train), len(data.test)) == (22, 8)
    assert (np.rint((data.test.batch([0]).numpy() + 1) * 127.5)[0, 0] == images[22]).all()


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("a.pt", "pickled files are never opened: save the tensor with safetensors"),
        ("a.csv", "read a table in a function, and give it as --data file.py:function"),
    ],
)
def test_files_of_other_formats_have_an_advice(tmp_path, name, advice):
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=advice):
        load_data("array", tmp_path / name)


def test_an_array_of_objects_is_named(tmp_path):
    ragged = np.array([np.zeros(3), np.zeros(4)], dtype=object)
    np.save(tmp_path / "a.npy", ragged, allow_pickle=True)
    with pytest.raises(DataError, match=r"holds pickled objects, which are never opened"):
        load_data("array", tmp_path / "a.npy")


def test_images_without_any_contrast_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.full((9, 8, 8), 7, np.uint8))
    with pytest.raises(DataError, match="every value is 7: there is nothing to learn"):
        load_data("array", tmp_path / "a.npy")


@pytest.mark.parametrize("shape", [(32, 32, 3, 40), (24, 32, 1, 40), (28, 28, 600)])
def test_images_along_the_last_axis_are_refused(tmp_path, shape):
    """Arrays of MATLAB files, such as SVHN's, would be a few very wide images."""
    path = tmp_path / "x.npy"
    np.save(path, np.zeros(shape, np.uint8))
    with pytest.raises(DataError, match=r"np.moveaxis\(array, -1, 0\)"):
        load_data("array", path)


def test_four_channels_are_refused_with_advice(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((20, 8, 8, 4), np.uint8))
    with pytest.raises(DataError, match="leave the fourth channel out if it is opaque"):
        load_data("array", path)
