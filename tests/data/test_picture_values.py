"""Every format, depth and mode of pictures: the values read, and the refusals.

The expected values are computed from the written values, or are those of Pillow for lossy formats.
Pictures are 4×4 and read at 4×4, where resizing changes nothing.
"""

import io
import struct
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, ImageOps

from seatbelt_vae.data import check, load_data
from seatbelt_vae.errors import ConfigError, DataError

from . import written_pictures as written
from .written_pictures import FLOAT, RGB, SIGNED, WHITE_IS_ZERO, as_palette, chunk, png, saved, tiff

RNG = np.random.default_rng(0)


def values(least, most, *shape):
    """Random integers that include both ends."""
    found = RNG.integers(least, most + 1, (4, 4, *shape))
    found[0, 0], found[3, 3] = least, most
    return found


ONE, TWO, FOUR, EIGHT = (values(0, (1 << bits) - 1) for bits in (1, 2, 4, 8))
TWELVE, SIXTEEN = values(0, 4095), values(0, 65535)
COLOUR, COLOUR_16 = values(0, 255, 3), values(0, 65535, 3)
GREY = EIGHT.astype(np.uint8)
RAMP = np.repeat(np.arange(256)[:, None], 3, 1)
SCRAMBLED_GREYS = RAMP[RNG.permutation(256)]
COLOURS = RNG.integers(0, 256, (256, 3))
OPAQUE, OPAQUE_16 = np.full((4, 4, 1), 255), np.full((4, 4, 1), 65535)
UNIT = (values(0, 255) / 255).astype("f4")


def nearest(array, white):
    """The values as bytes, rounded to nearest."""
    return np.floor(np.asarray(array, float) * 255 / white + 0.5).astype(int)


def joined(*arrays):
    return np.concatenate([array if array.ndim == 3 else array[..., None] for array in arrays], 2)


def palette(table, bits=8):
    return chunk(b"PLTE", np.asarray(table[: 1 << bits], np.uint8).tobytes())


def opened(content, mode):
    """The picture as Pillow converts it."""
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert(mode)).astype(int)


JPEG, JPEG_COLOUR = saved(GREY, "JPEG"), saved(COLOUR.astype(np.uint8), "JPEG")
CMYK = Image.fromarray(values(0, 255, 4).astype(np.uint8), "CMYK")
PHONE = saved(
    Image.fromarray(COLOUR.astype(np.uint8)),
    "MPO",
    save_all=True,
    append_images=[Image.fromarray(GREY).convert("RGB").resize((2, 2))],
)

READ = {
    "png grey 1": (png(ONE, 1, 0), 255 * ONE),
    "png grey 2": (png(TWO, 2, 0), 85 * TWO),
    "png grey 4": (png(FOUR, 4, 0), 17 * FOUR),
    "png grey 8": (png(EIGHT, 8, 0), EIGHT),
    "png grey 16": (png(SIXTEEN, 16, 0), nearest(SIXTEEN, 65535)),
    "png grey+alpha 8": (png(joined(EIGHT, OPAQUE), 8, 4), EIGHT),
    "png grey+alpha 16": (png(joined(SIXTEEN, OPAQUE_16), 16, 4), SIXTEEN >> 8),
    "png rgb 8": (png(COLOUR, 8, 2), COLOUR),
    "png rgb 16": (png(COLOUR_16, 16, 2), COLOUR_16 >> 8),
    "png rgb+alpha 8": (png(joined(COLOUR, OPAQUE), 8, 6), COLOUR),
    "png rgb+alpha 16": (png(joined(COLOUR_16, OPAQUE_16), 16, 6), COLOUR_16 >> 8),
    "png palette 1": (png(ONE, 1, 3, palette(COLOURS, 1)), COLOURS[ONE]),
    "png palette 2": (png(TWO, 2, 3, palette(COLOURS, 2)), COLOURS[TWO]),
    "png palette 4": (png(FOUR, 4, 3, palette(COLOURS, 4)), COLOURS[FOUR]),
    "png palette 8": (png(EIGHT, 8, 3, palette(COLOURS)), COLOURS[EIGHT]),
    "png palette of greys 4": (
        png(FOUR, 4, 3, palette(SCRAMBLED_GREYS, 4)),
        SCRAMBLED_GREYS[FOUR, 0],
    ),
    "png palette of greys 8": (
        png(EIGHT, 8, 3, palette(SCRAMBLED_GREYS)),
        SCRAMBLED_GREYS[EIGHT, 0],
    ),
    "png palette with opaque alpha": (
        png(FOUR, 4, 3, palette(COLOURS, 4), chunk(b"tRNS", b"\xff" * 16)),
        COLOURS[FOUR],
    ),
    "png transparent value unused": (
        png(np.minimum(EIGHT, 254), 8, 0, chunk(b"tRNS", b"\0\xff")),
        np.minimum(EIGHT, 254),
    ),
    "tiff 1": (tiff(ONE, 1), 255 * ONE),
    "tiff 1 white is zero": (tiff(ONE, 1, WHITE_IS_ZERO), 255 * (1 - ONE)),
    "tiff 2": (tiff(TWO, 2), 85 * TWO),
    "tiff 2 white is zero": (tiff(TWO, 2, WHITE_IS_ZERO), 85 * (3 - TWO)),
    "tiff 4": (tiff(FOUR, 4), 17 * FOUR),
    "tiff 4 white is zero": (tiff(FOUR, 4, WHITE_IS_ZERO), 17 * (15 - FOUR)),
    "tiff 8": (tiff(GREY, 8), EIGHT),
    "tiff 8 white is zero": (tiff(GREY, 8, WHITE_IS_ZERO), 255 - EIGHT),
    "tiff 12": (tiff(TWELVE, 12), nearest(TWELVE, 4095)),
    "tiff 16": (tiff(SIXTEEN.astype("u2"), 16), nearest(SIXTEEN, 65535)),
    "tiff 16 big-endian": (tiff(SIXTEEN.astype("u2"), 16, order=">"), nearest(SIXTEEN, 65535)),
    "tiff 16 white is zero": (
        tiff(SIXTEEN.astype("u2"), 16, WHITE_IS_ZERO),
        nearest(65535 - SIXTEEN, 65535),
    ),
    "tiff 16 deflate": (
        saved(SIXTEEN.astype(np.uint16), "TIFF", compression="tiff_adobe_deflate"),
        nearest(SIXTEEN, 65535),
    ),
    "tiff 16 lzw": (
        saved(SIXTEEN.astype(np.uint16), "TIFF", compression="tiff_lzw"),
        nearest(SIXTEEN, 65535),
    ),
    "tiff signed 8 without negatives": (tiff(GREY // 2, 8, kind=SIGNED), nearest(GREY // 2, 127)),
    "tiff signed 16 without negatives": (
        tiff((SIXTEEN // 2).astype("i2"), 16, kind=SIGNED),
        nearest(SIXTEEN // 2, 32767),
    ),
    "tiff 32, values of 16": (tiff(SIXTEEN.astype("u4"), 32), nearest(SIXTEEN, 65535)),
    "tiff signed 32, values of 16": (
        tiff(SIXTEEN.astype("i4"), 32, kind=SIGNED),
        nearest(SIXTEEN, 65535),
    ),
    "tiff float": (tiff(UNIT, 32, kind=FLOAT), nearest(UNIT, 1)),
    "tiff float big-endian": (tiff(UNIT, 32, kind=FLOAT, order=">"), nearest(UNIT, 1)),
    "tiff rgb 8": (tiff(COLOUR.astype("u1"), 8, RGB), COLOUR),
    "tiff rgb 16": (tiff(COLOUR_16.astype("u2"), 16, RGB), COLOUR_16 >> 8),
    "tiff rgb+alpha 8": (tiff(joined(COLOUR, OPAQUE).astype("u1"), 8, RGB, t338=2), COLOUR),
    "tiff grey+alpha": (saved(joined(GREY, OPAQUE).astype("u1"), "TIFF"), EIGHT),
    "tiff palette": (saved(as_palette(GREY, COLOURS), "TIFF"), COLOURS[EIGHT]),
    "tiff palette of greys": (
        saved(as_palette(GREY, SCRAMBLED_GREYS), "TIFF"),
        SCRAMBLED_GREYS[EIGHT, 0],
    ),
    "tiff cmyk": (saved(CMYK, "TIFF"), np.asarray(CMYK.convert("RGB")).astype(int)),
    "tiff ycbcr": (
        saved(Image.fromarray(COLOUR.astype("u1")).convert("YCbCr"), "TIFF"),
        opened(saved(Image.fromarray(COLOUR.astype("u1")).convert("YCbCr"), "TIFF"), "RGB"),
    ),
    "jpeg grey": (JPEG, opened(JPEG, "L")),
    "jpeg colour": (JPEG_COLOUR, opened(JPEG_COLOUR, "RGB")),
    "jpeg cmyk": (saved(CMYK, "JPEG"), opened(saved(CMYK, "JPEG"), "RGB")),
    "jpeg with a second picture": (PHONE, opened(PHONE, "RGB")),
    "gif grey": (saved(GREY, "GIF"), EIGHT),
    "gif palette of greys": (
        saved(as_palette(GREY, SCRAMBLED_GREYS), "GIF"),
        SCRAMBLED_GREYS[EIGHT, 0],
    ),
    "gif colour": (saved(as_palette(GREY, COLOURS), "GIF"), COLOURS[EIGHT]),
    "webp grey": (saved(GREY, "WEBP", lossless=True), EIGHT),
    "webp colour": (saved(COLOUR.astype("u1"), "WEBP", lossless=True), COLOUR),
    "webp opaque alpha": (
        saved(joined(COLOUR, OPAQUE).astype("u1"), "WEBP", lossless=True),
        COLOUR,
    ),
    "bmp 1": (saved(ONE.astype(bool), "BMP"), 255 * ONE),
    "bmp grey": (saved(GREY, "BMP"), EIGHT),
    "bmp palette of greys": (
        saved(as_palette(GREY, SCRAMBLED_GREYS), "BMP"),
        SCRAMBLED_GREYS[EIGHT, 0],
    ),
    "bmp palette": (saved(as_palette(GREY, COLOURS), "BMP"), COLOURS[EIGHT]),
    "bmp colour": (saved(COLOUR.astype("u1"), "BMP"), COLOUR),
    "pbm": (saved(ONE.astype(bool), "PPM"), 255 * ONE),
    "pgm 8": (b"P5 4 4 255\n" + GREY.tobytes(), EIGHT),
    "pgm 4": (b"P5 4 4 15\n" + FOUR.astype("u1").tobytes(), 17 * FOUR),
    "pgm 12": (b"P5 4 4 4095\n" + TWELVE.astype(">u2").tobytes(), nearest(TWELVE, 4095)),
    "pgm 16": (b"P5 4 4 65535\n" + SIXTEEN.astype(">u2").tobytes(), nearest(SIXTEEN, 65535)),
    "ppm 8": (b"P6 4 4 255\n" + COLOUR.astype("u1").tobytes(), COLOUR),
    "ppm 16": (b"P6 4 4 65535\n" + COLOUR_16.astype(">u2").tobytes(), nearest(COLOUR_16, 65535)),
    "pfm": (b"Pf\n4 4\n-1.0\n" + UNIT[::-1].astype("<f4").tobytes(), nearest(UNIT, 1)),
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))


def read(folder, *contents, **options):
    """The pictures of a folder that holds these files; one file is written twice."""
    root = folder / "pictures"
    root.mkdir(exist_ok=True)
    for number, content in enumerate(contents * 2 if len(contents) == 1 else contents):
        (root / f"{number:02}.png").write_bytes(content)
    return load_data("folder", root, image_size=4, **options)


def pixels(data, number=0):
    """One image as bytes, (H, W) if the set is grey, else (H, W, 3)."""
    image = np.rint((data.train.read(np.array([number])) + 1) * 127.5)[0].astype(int)
    return image[0] if len(image) == 1 else image.transpose(1, 2, 0)


@pytest.mark.parametrize("name", READ)
def test_values_are_read_as_they_are_meant(tmp_path, name):
    content, expected = READ[name]
    data = read(tmp_path, content)
    assert data.image_shape == (1 if expected.ndim == 2 else 3, 4, 4)
    assert (pixels(data) == expected).all()


def turned(content, orientation):
    """The same picture with an EXIF orientation."""
    with Image.open(io.BytesIO(content)) as picture:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options = {"lossless": True} if picture.format == "WEBP" else {}
        return saved(picture, picture.format, exif=exif, **options)


UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a.swapaxes(0, 1), 2),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("name", ["png rgb 8", "png grey 16", "webp colour", "png grey 8"])
def test_the_orientation_is_applied(tmp_path, name, orientation):
    content, expected = READ[name]
    data = read(tmp_path, turned(content, orientation))
    assert (pixels(data) == UPRIGHT[orientation](expected)).all()


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("bits", [8, 16])
def test_the_orientation_of_a_tiff_is_applied(tmp_path, bits, orientation):
    array = (EIGHT if bits == 8 else SIXTEEN).astype(f"u{bits // 8}")
    data = read(tmp_path, tiff(array, bits, t274=orientation))
    expected = nearest(array, (1 << bits) - 1)
    assert (pixels(data) == UPRIGHT[orientation](expected)).all()


def test_the_orientation_of_a_jpeg_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = saved(COLOUR.astype("u1"), "JPEG", exif=exif)
    with Image.open(io.BytesIO(content)) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture))
    assert (pixels(read(tmp_path, content)) == expected).all()


ALPHA = values(0, 255)
HIDDEN = np.where(EIGHT == 255, 0, 255)


def over(front, alpha, behind):
    """Alpha blending in real numbers."""
    front = np.asarray(front, float)
    alpha = np.asarray(alpha, float) / 255
    alpha = alpha[..., None] if front.ndim == 3 else alpha
    return front * alpha + np.asarray(behind) * (1 - alpha)


def transparent_value(*samples):
    return chunk(b"tRNS", struct.pack(f">{len(samples)}H", *samples))


SEE_THROUGH = {
    "png rgb+alpha": (png(joined(COLOUR, ALPHA), 8, 6), COLOUR, ALPHA),
    "png rgb+alpha 16": (
        png(joined(COLOUR_16, ALPHA * 257), 16, 6),
        COLOUR_16 >> 8,
        ALPHA,
    ),
    "png grey+alpha": (png(joined(EIGHT, ALPHA), 8, 4), EIGHT, ALPHA),
    "png grey+alpha 16": (png(joined(SIXTEEN, ALPHA * 257), 16, 4), SIXTEEN >> 8, ALPHA),
    "png transparent grey 1": (png(ONE, 1, 0, transparent_value(1)), 255 * ONE, 255 * (ONE != 1)),
    "png transparent grey 2": (png(TWO, 2, 0, transparent_value(2)), 85 * TWO, 255 * (TWO != 2)),
    "png transparent grey 4": (
        png(FOUR, 4, 0, transparent_value(15)),
        17 * FOUR,
        255 * (FOUR != 15),
    ),
    "png transparent grey 8": (png(EIGHT, 8, 0, transparent_value(255)), EIGHT, HIDDEN),
    "png transparent grey 16": (
        png(SIXTEEN, 16, 0, transparent_value(65535)),
        nearest(SIXTEEN, 65535),
        255 * (SIXTEEN != 65535),
    ),
    "png transparent colour": (
        png(COLOUR, 8, 2, transparent_value(*COLOUR[1, 2].tolist())),
        COLOUR,
        255 * (COLOUR[1, 2] != COLOUR).any(-1),
    ),
    "png palette with alpha": (
        png(FOUR, 4, 3, palette(COLOURS, 4), chunk(b"tRNS", bytes(range(0, 256, 17)))),
        COLOURS[FOUR],
        17 * FOUR,
    ),
    "gif": (saved(as_palette(GREY, COLOURS), "GIF", transparency=255), COLOURS[EIGHT], HIDDEN),
    "webp": (
        saved(joined(COLOUR, ALPHA).astype("u1"), "WEBP", lossless=True, exact=True),
        COLOUR,
        ALPHA,
    ),
    "tiff rgb+alpha": (tiff(joined(COLOUR, ALPHA).astype("u1"), 8, RGB, t338=2), COLOUR, ALPHA),
    "tiff grey+alpha": (saved(joined(EIGHT, ALPHA).astype("u1"), "TIFF"), EIGHT, ALPHA),
}


@pytest.mark.parametrize("name", SEE_THROUGH)
def test_transparent_pictures_need_a_background(tmp_path, name):
    content, front, alpha = SEE_THROUGH[name]
    with pytest.raises(DataError, match=r"it is see-through, expected .*, such as background whi"):
        read(tmp_path, content)
    for background, level in (("white", 255), ("0", 0), ("#c8c8c8", 200)):
        data = read(tmp_path, content, background=background)
        assert data.image_shape[0] == (1 if front.ndim == 2 else 3)
        assert abs(pixels(data) - over(front, alpha, level)).max() <= 1
        assert data.notes[-1] == f"transparent, laid on the background {background}: 2 pictures"


@pytest.mark.parametrize("name", ["png grey+alpha", "png rgb+alpha", "png transparent grey 16"])
def test_a_colour_behind_a_picture_makes_it_colour(tmp_path, name):
    content, front, alpha = SEE_THROUGH[name]
    front = front if front.ndim == 3 else np.repeat(front[..., None], 3, 2)
    data = read(tmp_path, content, background="orange")
    assert abs(pixels(data) - over(front, alpha, (255, 165, 0))).max() <= 1


@pytest.mark.parametrize("background", ["", "256", "-1", "whitest", "#12345", "rgb(1,2,3)"])
def test_a_background_must_be_a_colour(tmp_path, background):
    with pytest.raises(ConfigError, match=r"background is .*, expected the name of a colour, #rr"):
        read(tmp_path, JPEG, background=background)


SIGNED_16 = values(-1000, 3000).astype("i2")
STATED = {
    "8 bits": (png(EIGHT, 8, 0), EIGHT, 50, 200),
    "8 bits inverted": (png(EIGHT, 8, 0), EIGHT, 255, 0),
    "colour": (png(COLOUR, 8, 2), COLOUR, 0, 128),
    "16 bits": (png(TWELVE, 16, 0), TWELVE, 0, 4095),
    "16 bits white is zero": (
        tiff((65535 - TWELVE).astype("u2"), 16, WHITE_IS_ZERO),
        TWELVE,
        0,
        4095,
    ),
    "signed 8": (tiff(values(-128, 127).astype("i1"), 8, kind=SIGNED), None, -128, 127),
    "signed 16": (tiff(SIGNED_16, 16, kind=SIGNED), SIGNED_16, -1000, 3000),
    "signed 32": (tiff(SIGNED_16.astype("i4"), 32, kind=SIGNED), SIGNED_16, -1000, 3000),
    "unsigned 32": (tiff((SIXTEEN * 65537).astype("u4"), 32), SIXTEEN * 65537, 0, 4294967295),
    "floats": (tiff((UNIT * 9 - 5).astype("f4"), 32, kind=FLOAT), UNIT * 9 - 5, -5, 4),
}


@pytest.mark.parametrize("name", STATED)
def test_black_and_white_can_be_stated(tmp_path, name):
    content, stored, black, white = STATED[name]
    if stored is None:
        stored = np.asarray(Image.open(io.BytesIO(content))).view(np.int8)
    data = read(tmp_path, content, black=black, white=white)
    expected = 255 * ((stored.astype(float) - black) / (white - black)).clip(0, 1)
    assert abs(pixels(data) - expected).max() <= 0.5001


@pytest.mark.parametrize(
    ("content", "options", "reason"),
    [
        (STATED["signed 16"][0], {}, "go from -1000 to 3000, expected signed 16 bits: 0 to 32767"),
        (STATED["signed 8"][0], {}, "go from -128 to 127, expected signed 8 bits: 0 to 127"),
        (STATED["unsigned 32"][0], {}, "go from 0 to 4294967295, expected 8 or 16 bits: 0 to 6553"),
        (STATED["floats"][0], {}, "go from -5.0 to 4.0, expected floats: 0 to 1; state the values"),
        (png(EIGHT, 8, 0), {"white": 4095}, "have 8 bits, black is 0 and white is 4095: expected"),
        (png(EIGHT, 8, 0), {"black": 255}, "black and white are both 255: give both"),
        (tiff(np.full((4, 4), np.nan, "f4"), 32, kind=FLOAT), {}, "its pixels are not all finite"),
        (
            tiff(np.full((4, 4), np.inf, "f4"), 32, kind=FLOAT),
            {"black": 0, "white": 9},
            "its pixels are not all finite",
        ),
        (tiff(UNIT, 32, WHITE_IS_ZERO, FLOAT), {}, "floats whose smallest is white: save it as Mi"),
        (tiff(UNIT.astype("f8"), 64, kind=FLOAT), {}, "or of a kind that Pillow does not read"),
        (tiff(SIXTEEN.astype("u2"), 16, WHITE_IS_ZERO, order=">"), {}, "or of a kind that Pillow"),
        (tiff(GREY.astype("i1"), 8, WHITE_IS_ZERO, SIGNED), {}, "or of a kind that Pillow does"),
        (tiff(COLOUR.astype("u1"), 8, 8), {}, "its colour space is LAB, expected grey, RGB or CMY"),
        (
            png(COLOUR_16, 16, 2, transparent_value(1, 2, 300)),
            {"background": "white"},
            "its transparent colour has 16 bits: save it with 8 bits",
        ),
    ],
)
def test_values_without_a_meaning_are_refused(tmp_path, content, options, reason):
    with pytest.raises(DataError, match=reason) as caught:
        read(tmp_path, content, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"black": 3, "white": 3}, "black and white are both 3: give two levels"),
        ({"white": np.inf}, "white is inf, expected a finite number"),
        ({"channels": 2}, "unknown number of channels '2': known: 1, 3"),
    ],
)
def test_settings_that_contradict_themselves(tmp_path, options, reason):
    with pytest.raises(ConfigError, match=reason):
        read(tmp_path, JPEG, **options)


FRAMES = [Image.fromarray(values(0, 255).astype("u1")) for _ in range(3)]
SEVERAL = {
    kind: saved(FRAMES[0], kind, save_all=True, append_images=FRAMES[1:], **options)
    for kind, options in {"GIF": {}, "PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}}.items()
}


@pytest.mark.parametrize("kind", SEVERAL)
def test_the_first_of_several_frames_is_read_on_request(tmp_path, kind):
    with pytest.raises(DataError, match="it has 3 frames, expected 1: first_frame reads the first"):
        read(tmp_path, SEVERAL[kind])
    data = read(tmp_path, SEVERAL[kind], first_frame=True)
    assert (pixels(data) == np.asarray(FRAMES[0])).all()
    assert data.notes == ("several frames or pages, of which the first is read: 2 pictures",)


def test_reduced_copies_of_a_page_are_no_pages(tmp_path):
    page, reduced = (np.asarray(frame) for frame in FRAMES[:2])
    first = bytearray(tiff(page, 8))
    # the offset of the next directory is the last word of the first
    offset = len(first) + len(first) % 2
    first[-4:] = struct.pack("<I", offset)
    second = tiff(reduced, 8, t254=1)
    content = bytes(first).ljust(offset, b"\0") + _moved(second, offset)
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.n_frames == 2
    assert (pixels(read(tmp_path, content)) == page).all()


def _moved(content, offset):
    """The directory and data of a TIFF file of one page, at another offset."""
    start = struct.unpack("<I", content[4:8])[0]
    (count,) = struct.unpack("<H", content[start : start + 2])
    directory = bytearray(content[start:])
    for entry in range(count):
        place = 2 + 12 * entry
        if struct.unpack("<H", directory[place : place + 2])[0] == 273:
            data = struct.pack("<HH", offset + len(directory), 0)
            directory[place + 8 : place + 12] = data
    return bytes(directory) + content[8:start]


def test_grey_and_colour_can_be_asked_for(tmp_path):
    colour, grey = png(COLOUR, 8, 2), png(EIGHT, 8, 0)
    assert (pixels(read(tmp_path, grey, channels=3)) == EIGHT[..., None]).all()
    weights = COLOUR @ np.array([0.299, 0.587, 0.114])
    assert abs(pixels(read(tmp_path, colour, channels=1)) - weights).max() <= 0.51


def test_a_grey_set_stored_as_colour_says_so(tmp_path):
    stored = saved(np.repeat(GREY[..., None], 3, 2), "PNG")
    data = read(tmp_path, stored)
    assert data.image_shape == (3, 4, 4)
    assert data.notes == ("every picture is grey, kept as colour: channels=1 keeps one channel",)
    assert read(tmp_path, stored, png(COLOUR, 8, 2)).notes == ()
    assert (pixels(read(tmp_path, stored, channels=1)) == EIGHT).all()


@pytest.mark.parametrize(
    ("content", "options", "notes"),
    [
        (
            png(TWELVE, 16, 0),
            {},
            ("16 bits: values from 0 to 4095 of 0 to 65535: black=0 and white=4095 stretch them",),
        ),
        (png(TWELVE, 16, 0), {"white": 4095}, ()),
        (
            png(TWELVE, 16, 0),
            {"white": 300},
            ("16 bits: values from 0 to 4095 are clipped to 0 to 300",),
        ),
        (
            png(values(0, 15), 8, 0),
            {},
            ("8 bits: values from 0 to 15 of 0 to 255: black=0 and white=15 stretch them",),
        ),
        (
            png(values(100, 255), 8, 0),
            {},
            ("8 bits: values from 100 to 255 of 0 to 255: black=100 and white=255 stretch them",),
        ),
        (png(joined(EIGHT, 0 * EIGHT, EIGHT), 8, 2), {}, ("8 bits: green is 0 in every picture",)),
        (
            tiff((UNIT / 4).astype("f4"), 32, kind=FLOAT),
            {},
            ("floats: values from 0 to 0.25 of 0 to 1: black=0 and white=0.25 stretch them",),
        ),
    ],
)
def test_unused_levels_are_reported_with_their_remedy(tmp_path, content, options, notes):
    assert read(tmp_path, content, **options).notes == notes
    assert check("folder", tmp_path / "pictures", 4, **options).notes == notes


def test_a_colour_profile_other_than_srgb_is_reported(tmp_path):
    from PIL import ImageCms

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    other = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    image = COLOUR.astype("u1")
    assert read(tmp_path, saved(image, "PNG", icc_profile=srgb)).notes == ()
    data = read(tmp_path, saved(image, "PNG", icc_profile=other))
    assert (pixels(data) == COLOUR).all()
    assert data.notes == ("a colour profile other than sRGB, which is not applied: 2 pictures",)


@pytest.mark.parametrize("name", READ)
def test_any_picture_cut_short_is_an_error_or_a_picture(tmp_path, name):
    content = READ[name][0]
    for end in (len(content) // 3, len(content) // 2, len(content) - 3):
        with suppress(DataError):
            read(tmp_path, content[:end])


HUGE = 60_000


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (tiff(GREY, 8, t256=HUGE, t257=HUGE), "far too many pixels"),
        (tiff(GREY, 8, t256=9000, t257=9000), "it has 9000×9000 pixels, expected at most"),
        (tiff(GREY, 8, t256=8000, t257=8000), "it is damaged: "),
        (tiff(GREY, 8, t273=4_000_000_000), "it is damaged: "),
        (b"P5 60000 60000 255\n", "far too many pixels"),
        (b"P5 8000 8000 255\n", "it is damaged: "),
        (b"P5 4 4 99999999\n", "it is damaged: |no picture of a known format"),
        (
            b"BM" + struct.pack("<IIIIiiHH", 99, 0, 54, 40, HUGE, HUGE, 1, 24) + bytes(24),
            "too many",
        ),
        (b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b";", "no picture|too many"),
    ],
)
def test_lying_headers_are_refused_in_bounded_memory(tmp_path, content, reason):
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=reason):
        read(tmp_path, content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000


def test_a_file_too_large_to_be_a_picture_is_not_read(tmp_path):
    (tmp_path / "pictures").mkdir()
    with (tmp_path / "pictures" / "a.png").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DataError, match=r"a\.png has 1,099,511,627,776 bytes, expected at most"):
        load_data("folder", tmp_path / "pictures")


def test_the_files_are_what_their_writers_say():
    """The hand-written files, where Pillow reads them too."""
    assert written.BLACK_IS_ZERO == 1
    assert (opened(tiff(COLOUR.astype("u1"), 8, RGB), "RGB") == COLOUR).all()
