"""The parts of a drawing, by the names of its artists."""

from matplotlib.artist import Artist


def part_of(artist: Artist) -> str:
    """The part that an artist draws."""
    number, _, part = (artist.get_gid() or "").partition(" ")
    assert number, "every mark has an id"
    return part
