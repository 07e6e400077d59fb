"""Settings of how pictures are read: background, levels, frames, channels; notes and refusals."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from seatbelt_vae.data import check
from seatbelt_vae.errors import ConfigError, DataError

from .test_picture_values import (
    COLOUR,
    COLOUR_16,
    COLOURS,
    EIGHT,
    FOUR,
    GREY,
    JPEG,
    ONE,
    SIXTEEN,
    TWELVE,
    TWO,
    UNIT,
    joined,
    nearest,
    palette,
    pixels,
    read,
    values,
)
from .written_pictures import FLOAT, RGB, SIGNED, WHITE_IS_ZERO, as_palette, chunk, png, saved, tiff


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))


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
    expected = 255 * ((stored.astype(float) - black) / (white - black)).clip(0, 1)
    assert abs(pixels(read(tmp_path, content, black=black, white=white)) - expected).max() <= 0.5001


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
        (tiff(UNIT.astype("f2"), 16, kind=FLOAT), {}, "or of a kind that Pillow does not read"),
        (tiff(np.stack([UNIT] * 3, 2), 32, RGB, FLOAT), {}, "or of a kind that Pillow does not"),
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
    assert check("folder", tmp_path / "pictures", 4, **options).notes[: len(notes)] == notes


def test_a_colour_profile_other_than_srgb_is_reported(tmp_path):
    from PIL import ImageCms

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    other = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    image = COLOUR.astype("u1")
    assert read(tmp_path, saved(image, "PNG", icc_profile=srgb)).notes == ()
    data = read(tmp_path, saved(image, "PNG", icc_profile=other))
    assert (pixels(data) == COLOUR).all()
    assert data.notes == ("a colour profile other than sRGB, which is not applied: 2 pictures",)
