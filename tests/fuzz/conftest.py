"""Fuzzing: `make fuzz`, which runs each test for ``FUZZ_SECONDS`` (default: 30)."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from seatbelt_vae.errors import SeatbeltError

SECONDS = float(os.environ.get("FUZZ_SECONDS", "30"))
LONGEST = 20.0
"""Seconds that one example may take on a busy machine."""

Edit = tuple[str, int, bytes]

EDITS = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete", "cut", "repeat", "flip"]),
        st.integers(0, 2**24),
        st.binary(min_size=1, max_size=8)
        | st.sampled_from(
            [b"\x00", b"\xff" * 4, b"\x7f\xff\xff\xff", b"-1", b"1e999", b"nan", b"[]"]
        ),
    ),
    min_size=1,
    max_size=6,
)
"""Edits of the bytes of a file."""


def edited(data: bytes, edits: list[Edit]) -> bytes:
    """The bytes after all edits; positions wrap around, half of them in the first 200 bytes."""
    for kind, position, value in edits:
        at = (position // 2) % (min(len(data), 200) + 1 if position % 2 else len(data) + 1)
        end = at + len(value)
        data = {
            "replace": data[:at] + value + data[end:],
            "insert": data[:at] + value + data[at:],
            "delete": data[:at] + data[end:],
            "cut": data[:at],
            "repeat": data[:at] + data[at:end] * 50 + data[end:],
            "flip": data[:at] + bytes(byte ^ value[0] for byte in data[at:end]) + data[end:],
        }[kind]
    return data


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, so that they run only with ``-m fuzz``."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("fuzz")
            item.add_marker(pytest.mark.timeout(SECONDS + 120))
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working directory in which nothing may be written."""
    place = tmp_path / "surroundings"
    (place / "home").mkdir(parents=True)
    (place / "kept.txt").write_text("kept")
    monkeypatch.chdir(place)
    monkeypatch.setenv("HOME", str(place / "home"))
    yield
    assert sorted(path.name for path in place.rglob("*")) == ["home", "kept.txt"]
    assert (place / "kept.txt").read_text() == "kept"


def fuzz(check: Callable[[Any], object], examples: st.SearchStrategy[Any]) -> None:
    """Call ``check`` with examples until the time is over; it may raise `SeatbeltError` only."""

    def one(example: Any) -> None:
        began = time.monotonic()
        with suppress(SeatbeltError):
            check(example)
        assert time.monotonic() - began < LONGEST

    end = time.monotonic() + SECONDS
    number = 0
    while time.monotonic() < end:
        number += 1
        rules = settings(
            max_examples=20,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # shrinking would exceed the time
        )
        seeded(time.time_ns())(rules(given(examples)(one)))()
