"""Placement of point labels on a plot without overlaps."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Label", "place_labels"]

_LETTER, _LINE, _OFFSET = 6.6, 13.0, 9.0  # pixels: letter width, line height, distance to the point

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Label:
    """A text with the position of its anchor in pixels."""

    text: str
    x: float
    y: float
    anchor: str


def place_labels(
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    frame: Box,
    taken: Sequence[Box] = (),
) -> list[Label]:
    """Place labels next to their points in order; a label without a free position is left out.

    Args:
        points: positions in pixels, y downwards.
        texts: one per point.
        frame: left, top, right and bottom of the allowed area.
        taken: boxes that labels must not cover, in addition to the points.

    Example:
        >>> place_labels([(50.0, 50.0)], ["vae"], (0, 0, 100, 100))
        [Label(text='vae', x=59.0, y=54.0, anchor='start')]
    """
    covered = [*taken, *((x - 5, y - 5, x + 5, y + 5) for x, y in points)]
    placed = []
    for index, (point, text) in enumerate(zip(points, texts, strict=True), start=len(taken)):
        others = [box for k, box in enumerate(covered) if k != index]
        for label in _candidates(*point, text):
            box = _box(label)
            if _inside(box, frame) and not any(_overlap(box, other) for other in others):
                placed.append(label)
                covered.append(box)
                break
    return placed


def _candidates(x: float, y: float, text: str) -> list[Label]:
    right, left, middle = x + _OFFSET, x - _OFFSET, y + 4
    above, below = y - _OFFSET, y + _OFFSET + 9
    return [
        Label(text, right, middle, "start"),
        Label(text, right - 2, above + 3, "start"),
        Label(text, x, above, "middle"),
        Label(text, left, middle, "end"),
        Label(text, left + 2, above + 3, "end"),
        Label(text, right - 2, below - 3, "start"),
        Label(text, x, below, "middle"),
        Label(text, left + 2, below - 3, "end"),
    ]


def _box(label: Label) -> Box:
    width = _LETTER * len(label.text)
    left = label.x - {"start": 0.0, "middle": width / 2, "end": width}[label.anchor]
    return (left, label.y - 10, left + width, label.y + 3)


def _inside(box: Box, frame: Box) -> bool:
    return box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
