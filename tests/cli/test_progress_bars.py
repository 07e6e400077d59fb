"""Progress of activities that repeat on one line: time left, and bars of a terminal."""

import io

import pytest
from rich.console import Console

from seatbelt_vae.cli import progress_bars
from seatbelt_vae.cli.progress_bars import ProgressLines


class Clock:
    """A clock that the test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress_bars, "time", clock)
    return clock


def test_a_repeated_activity_measures_its_time_anew(clock: Clock) -> None:
    text = io.StringIO()
    with ProgressLines(console=Console(file=text, width=200)) as progress:
        for _ in range(2):
            for done in (0, 5, 10):
                progress.show("a  attacking", done, 10, line="a")
                clock.now += 100
    half = "a  attacking 5/10, 100 s left"
    once = ["a  attacking 0/10", half, "a  attacking 10/10"]
    assert text.getvalue().splitlines() == once * 2


def test_lines_are_independent(clock: Clock) -> None:
    text = io.StringIO()
    with ProgressLines(console=Console(file=text, width=200)) as progress:
        progress.show("a  training", 0, 10, line="a")
        clock.now += 60
        progress.show("b  training", 2, 10, line="b")
        clock.now += 20
        progress.show("a  training", 4, 10, line="a")
        progress.show("b  training", 4, 10, line="b")
    assert text.getvalue().splitlines()[2:] == [
        "a  training 4/10, 120 s left",
        "b  training 4/10, 60 s left",
    ]


def test_bars_go_on_after_an_earlier_line_has_ended() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=200)
    with ProgressLines(console=console) as progress:
        for name in "ab":
            progress.show(f"{name}  training", 10, 10, line=name)
        progress.end("a")
        progress.show("b  attacking", 1, 4, line="b")
        progress.show("b  attacking", 4, 4, line="b")
        progress.show("b  attacking", 1, 4, line="b")
        assert progress._bars is not None
        (bar,) = progress._bars.tasks
        assert (bar.description, bar.completed, bar.finished) == ("b  attacking", 1, False)
