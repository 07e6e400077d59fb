"""Uploaded pictures become inputs; hostile ones are refused in a sentence."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from seatbelt_vae.app.limits import LIMITS, Limits
from seatbelt_vae.app.sentences import sentence_of
from seatbelt_vae.app.uploads import checked_picture
from seatbelt_vae.errors import DataError
from seatbelt_vae.protocol import Bounds
from tests.data.written_pictures import RGB_PNG, chunk, png, saved

GREY, COLOUR = (1, 8, 8), (3, 8, 8)
UNIT = Bounds(0.0, 1.0)
ORIENTATION, GPS = 274, 34853


def half(size: int = 8) -> Image.Image:
    """A picture whose left half is red and whose right half is black."""
    values = np.zeros((size, size, 3), np.uint8)
    values[:, : size // 2, 0] = 255
    return Image.fromarray(values)


def header_only(width: int, height: int) -> bytes:
    """A PNG that states a size and holds no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, RGB_PNG, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def deflated_bomb() -> bytes:
    """A small PNG of 6000×6000 black pixels."""
    return png(np.zeros((6000, 6000), np.uint8), 8, 0)


def text_bomb() -> bytes:
    """A PNG with a compressed text of 100 MiB."""
    text = b"comment\0\0" + zlib.compress(bytes(100 * 2**20))
    return png(np.zeros((4, 4), np.uint8), 8, 0, chunk(b"zTXt", text))


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("picture.png", saved(half(), "PNG"))
    return buffer.getvalue()


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "no picture"),
    "text": (lambda: b"hello", "no picture"),
    "svg": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "no picture"),
    "html": (lambda: b"<!doctype html><script>alert(1)</script>", "no picture"),
    "zip": (archive, "no picture"),
    "pdf": (lambda: b"%PDF-1.7\n", "no picture"),
    "postscript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture"),
    "many bytes": (lambda: bytes(LIMITS.picture_bytes + 1), "8.0 MiB, expected at most 8 MiB"),
    "stated size": (lambda: header_only(60_000, 60_000), "far too many pixels"),
    "large": (lambda: header_only(5000, 5000), "5000×5000 pixels"),
    "deflated bomb": (deflated_bomb, "6000×6000 pixels"),
    "text bomb": (text_bomb, "damaged"),
    "cut short": (lambda: saved(half(64), "PNG")[:90], "damaged"),
    "jpeg cut short": (lambda: saved(half(64), "JPEG")[:200], "damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_a_sentence(name: str) -> None:
    made, reason = HOSTILE[name]
    with pytest.raises(DataError) as refused:
        checked_picture(made(), COLOUR, UNIT)
    assert reason in str(refused.value)
    sentence = sentence_of(refused.value)
    assert sentence.startswith("The picture ")
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_picture_is_read_into_the_bounds_and_channels_of_the_model() -> None:
    low, high = torch.tensor([-1.0, 0.0, 2.0]), torch.tensor([1.0, 4.0, 3.0])
    bounds = Bounds(low[:, None, None], high[:, None, None])
    found, notes = checked_picture(saved(half(), "PNG"), COLOUR, bounds)
    assert notes == ()
    assert found.dtype == torch.float32
    assert found[:, 0, 0].tolist() == [1, 0, 2]
    assert found[:, 0, -1].tolist() == [-1, 0, 2]
    grey, _ = checked_picture(saved(half(), "PNG"), GREY, UNIT)
    assert grey[0, 0, 0].item() == pytest.approx(0.299, abs=0.002)  # luma of red, ITU-R 601


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_common_formats_are_read_and_resized(kind: str) -> None:
    found, _ = checked_picture(saved(half(64), kind), COLOUR, UNIT)
    assert found.shape == COLOUR
    assert found[0, :, 0].min() > 0.9
    assert found[0, :, -1].max() < 0.1


def test_a_photograph_is_turned_upright_and_its_position_is_dropped() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # turn by 90° clockwise
    exif.get_ifd(GPS)[1] = "N"
    content = saved(half(64), "JPEG", quality=95, exif=exif)
    found, _ = checked_picture(content, COLOUR, UNIT)
    assert found[0, 0].min() > 0.8  # the left half is above
    assert found[0, -1].max() < 0.2


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_fits_a_grey_and_a_colour_model(mode: str) -> None:
    picture = Image.new("RGBA", (9, 9), (255, 255, 255, 255))
    if mode == "I;16":
        picture = Image.fromarray(np.full((9, 9), 65535, np.uint16))
    else:
        picture = picture.convert("RGB").convert(mode) if mode in ("P", "CMYK") else picture
        picture = picture if mode in ("P", "CMYK") else picture.convert(mode)
    content = saved(picture, "TIFF" if mode == "CMYK" else "PNG")
    for shape in (GREY, COLOUR):
        found, _ = checked_picture(content, shape, UNIT)
        assert found.shape == shape
        assert found.min() > 0.98


def test_transparent_pixels_are_white_and_the_user_is_told() -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    found, notes = checked_picture(saved(clear, "PNG"), GREY, UNIT)
    assert found.min() == 1
    assert notes == ("transparent, laid on the background white",)


def test_the_middle_is_cut_for_a_model_that_is_not_square() -> None:
    values = np.zeros((8, 8, 3), np.uint8)
    values[3:5] = 255
    found, _ = checked_picture(saved(values, "PNG"), (1, 2, 8), UNIT)
    assert found.shape == (1, 2, 8)
    assert found.min() > 0.9


def test_limits_below_one_are_refused() -> None:
    with pytest.raises(Exception, match="seconds"):
        Limits(seconds=0)
