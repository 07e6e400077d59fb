"""Pictures cut short, and headers that state more than there is."""

import resource
import struct
from contextlib import suppress

import numpy as np
import pytest

from seatbelt_vae.config import ReadingConfig
from seatbelt_vae.data import load_data
from seatbelt_vae.data.readers.picture_decoding import decoded, is_colour
from seatbelt_vae.errors import DataError

from .test_picture_options import SEE_THROUGH
from .test_picture_values import GREY, READ, read
from .written_pictures import tiff


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", READ)
def test_any_picture_cut_short_is_an_error_or_a_picture(tmp_path, name):
    content = READ[name][0]
    for end in (len(content) // 3, len(content) // 2, len(content) - 3):
        with suppress(DataError):
            read(tmp_path, content[:end])


@pytest.mark.parametrize("name", [*READ, *SEE_THROUGH])
def test_any_damage_is_an_error_of_one_line_or_a_picture(name):
    content = {**READ, **SEE_THROUGH}[name][0]
    rng = np.random.default_rng(0)
    reading = ReadingConfig(background="red", first_frame=True)
    for _ in range(60):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 2):
            damaged[place] = rng.choice([0, 1, 127, 255, rng.integers(256)])
        for read_it in (is_colour, decoded_at_4):
            try:
                read_it(bytes(damaged), reading)
            except DataError as error:
                found = str(error)
                assert "\n" not in found


def decoded_at_4(content, reading):
    assert decoded(content, 3, 4, reading).pixels.shape == (3, 4, 4)


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
