"""The polygon filler against a test of every pixel centre in exact integers."""

import math
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbelt_vae.data.sets.sprites import render_polygon

FINE = 10**10
# a tie is settled as if the centre lay a hair to the right and, far less, a hair above
RIGHT, ABOVE = 10**5, 1

anywhere = st.integers(0, 64 * 512).map(lambda n: n / 512)
on_centres = st.integers(0, 128).map(lambda n: n / 2)
coordinates = st.one_of(anywhere, on_centres)
polygons = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=7)


def snapped(value):
    return FINE * math.floor(256 * Fraction(value) + Fraction(1, 2))


def filled(polygon):
    """Even-odd rule along a ray that goes straight up; y is up, units are 1/256 pixel / FINE."""
    corners = [(snapped(x), snapped(64 - Fraction(y))) for x, y in polygon]
    edges = list(zip(corners, corners[1:] + corners[:1], strict=True))
    image = np.zeros((64, 64), bool)
    for column in range(64):
        x = FINE * (256 * column + 128) + RIGHT
        over = [(a, b) if a[0] < b[0] else (b, a) for a, b in edges if (a[0] < x) != (b[0] < x)]
        for row in range(64):
            y = FINE * (256 * row + 128) + ABOVE
            above = sum((b[1] - a[1]) * (x - a[0]) > (y - a[1]) * (b[0] - a[0]) for a, b in over)
            image[63 - row, column] = above % 2
    return image


def drawn(outline, centre=0.0):
    words = render_polygon(np.array(outline, dtype=float), np.array([centre]))[0, 0]
    return (words[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)).astype(bool)


@settings(max_examples=100, deadline=None)
@given(polygons)
def test_any_polygon_is_filled_as_by_testing_every_centre(polygon):
    assert (drawn(polygon) == filled(polygon)).all()


def test_a_tie_belongs_to_the_left_and_lower_side():
    image = drawn([(10.5, 20.5), (13.5, 20.5), (13.5, 22.5), (10.5, 22.5)])
    assert np.argwhere(image).tolist() == [[r, c] for r in (21, 22) for c in (10, 11, 12)]


def test_each_position_is_drawn_as_if_alone():
    outline = np.array([(-9.7, -3.1), (8.3, -6.2), (2.9, 7.7), (-4.4, 6.1)])
    centres = np.array([16.0, 31.37, 47.9])
    words = render_polygon(outline, centres)
    for i, x in enumerate(centres):
        for j, y in enumerate(centres):
            bits = (words[i, j][:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
            assert (
                bits.astype(bool) == filled([(x + right, y + down) for right, down in outline])
            ).all()
