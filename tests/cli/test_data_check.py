"""`data check` lists splits, classes with counts, and everything that was passed over."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Run

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8)


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures in train/ and val/: three cats, two dogs; one cat is in both."""
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "pictures"
    for number, name in enumerate(["train/cat", "train/cat", "train/dog", "val/dog", "val/cat"]):
        (place / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(IMAGES[number % 4]).save(place / name / f"{number}.png")
    (place / "readme.txt").write_text("no picture")
    return place


def test_the_list_names_its_lines(run: Run) -> None:
    lines = run("data list").out.splitlines()
    first = lines.index("swiss-roll")
    assert lines[first + 2 : first + 4] == ["    origin:  generated", "    state:   ready"]
    assert {line.split(":")[0] for line in lines if line.startswith(" ")} == {
        "    summary",
        "    origin",
        "    state",
    }


def test_splits_classes_and_leftovers_are_printed(run: Run) -> None:
    found = run("data check folder --root pictures --image-size 8").out
    lines = [" ".join(line.split()) for line in found.splitlines()]
    assert lines[2:] == [
        "training images 3",
        "test images 2",
        "channels × height × width 1×8×8",
        "values -1 … 1",
        "class cat 2 training, 1 test",
        "class dog 1 training, 1 test",
        "note: training images in train, held-out images in val",
        "note: 1 files passed over",
        "note: 1 held-out images equal a training image",
    ]


def test_counts_are_in_the_json(run: Run) -> None:
    found = json.loads(run("data check folder --root pictures --image-size 8 --json").out)
    assert found["classes"] == {"class": {"cat": [2, 1], "dog": [1, 1]}}
    assert (found["train"], found["test"]) == (3, 2)


def test_a_factor_of_many_values_has_one_row(run: Run, tmp_path: Path) -> None:
    labels = np.repeat(np.arange(25), [4] + [3] * 24)
    np.savez(tmp_path / "x.npz", images=np.resize(IMAGES, (76, 8, 8)), labels=labels)
    found = run("data check array --root x.npz").out
    assert "labels 25 values of 3 to 4 images" in " ".join(found.split())
