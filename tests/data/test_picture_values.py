"""Every format, depth and mode of pictures, and the values read.

The expected values are computed from the written values, or are those of Pillow for lossy formats.
Pictures are 4×4 and read at 4×4, where resizing changes nothing.
"""

import io

import numpy as np
import PIL
import pytest
from PIL import Image, ImageOps

from seatbelt_vae.data import load_data

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
if int(PIL.__version__.partition(".")[0]) >= 13:  # older ones refuse the file that they write
    _YCBCR = saved(Image.fromarray(COLOUR.astype("u1")).convert("YCbCr"), "TIFF")
    READ["tiff ycbcr"] = (_YCBCR, opened(_YCBCR, "RGB"))


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


def test_grey_and_colour_can_be_asked_for(tmp_path):
    colour, grey = png(COLOUR, 8, 2), png(EIGHT, 8, 0)
    assert (pixels(read(tmp_path, grey, channels=3)) == EIGHT[..., None]).all()
    weights = COLOUR @ np.array([0.299, 0.587, 0.114])
    assert abs(pixels(read(tmp_path, colour, channels=1)) - weights).max() <= 0.51
