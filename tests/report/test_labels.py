"""Names of points cover neither one another, nor points, nor lines, and stay in the frame."""

from hypothesis import given
from hypothesis import strategies as st

from seatbelt_vae.report.labels import Label, place_labels

FRAME = (0.0, 0.0, 300.0, 200.0)
Box = tuple[float, float, float, float]

POINTS = st.lists(st.tuples(st.floats(0, 300), st.floats(0, 200)), max_size=25)


def box(label: Label) -> Box:
    """The box of a label, with letters slightly narrower than assumed."""
    width = 6 * len(label.text)
    left = label.x - {"start": 0, "middle": width / 2, "end": width}[label.anchor]
    return left, label.y - 9, left + width, label.y + 2


def apart(one: Box, other: Box) -> bool:
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


@given(POINTS, st.integers(1, 12))
def test_names_cover_nothing(points: list[tuple[float, float]], length: int) -> None:
    texts = [f"{k:0{length}d}" for k in range(len(points))]
    taken = [(100.0, 0.0, 103.0, 200.0)]
    labels = place_labels(points, texts, FRAME, taken)
    boxes = [box(label) for label in labels]
    for k, one in enumerate(boxes):
        assert all(apart(one, other) for other in boxes[k + 1 :])
        assert apart(one, taken[0])
        assert 0 <= one[0] <= one[2] <= 300
        assert 0 <= one[1] <= one[3] <= 200
        own = texts.index(labels[k].text)
        centres = [(x - 1, y - 1, x + 1, y + 1) for x, y in points[:own] + points[own + 1 :]]
        assert all(apart(one, centre) for centre in centres)
        x, y = points[own]
        assert max(one[0] - x, x - one[2], one[1] - y, y - one[3]) < 15


def test_a_single_point_is_labelled_and_the_first_of_a_crowd() -> None:
    assert [label.text for label in place_labels([(50.0, 50.0)], ["a"], FRAME)] == ["a"]
    crowd = place_labels([(150.0, 100.0)] * 40, [f"model {k}" for k in range(40)], FRAME)
    assert crowd[0].text == "model 0"
    assert len(crowd) < 8
    apart_a_little = place_labels([(150.0, 100.0), (162.0, 100.0)], ["first", "second"], FRAME)
    assert {label.text for label in apart_a_little} == {"first", "second"}
