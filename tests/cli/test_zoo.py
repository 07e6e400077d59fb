"""Commands on models of the zoo, which store their results outside the package."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from seatbelt_vae import open_subject
from seatbelt_vae.runs import read_json

from .conftest import Run

TARGET = "zoo:faces-vae"
GIVEN = "--data array:images.npy --quiet"


@pytest.fixture
def judged(run: Run) -> Run:
    """Run a command in a folder with images that the model itself decoded."""
    model = open_subject(TARGET).model
    codes = torch.randn(60, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        pixels = model.decode([codes]).mean.clamp(-1, 1).add(1).mul(127.5).byte()
    np.save("images.npy", pixels[:, 0].numpy())
    return run


def test_models_are_listed(run: Run) -> None:
    listed = run("zoo")
    assert listed.code == 0
    titles, *rows = [" ".join(line.split()) for line in listed.out.splitlines()]
    assert titles == "target data preset defence size gap@0.2"
    starts = (
        "zoo:faces-denoising faces vae denoising-adversarial 0.8 MB 0.",
        "zoo:faces-seatbelt faces seatbelt – 2.0 MB 0.",
        "zoo:faces-vae faces vae – 0.8 MB 0.",
    )
    assert all(row.startswith(start) for row, start in zip(rows, starts, strict=True))
    defended, _, plain = json.loads(run("zoo --json").out)["models"]
    assert 0.3 < plain["gap@0.2"] < defended["gap@0.2"] < 0.95


@pytest.mark.parametrize("verb", ["audit", "attack", "evaluate", "report", "defend --out x"])
def test_an_unknown_name_is_one_line(run: Run, verb: str) -> None:
    verb, *flags = verb.split()
    refused = run(" ".join([verb, "zoo:face-vae", *flags]))
    assert refused.code == (4 if verb == "audit" else 2)
    assert refused.err == (
        "seatbelt-vae: error: unknown zoo model 'face-vae': perhaps you meant 'faces-vae'; known: "
        "faces-denoising, faces-seatbelt, faces-vae\n"
    )


def test_missing_files_of_the_training_data_are_named(run: Run) -> None:
    refused = run(f"audit {TARGET}")
    assert refused.code == 2
    assert refused.err.startswith(
        "seatbelt-vae: error: ICT faces are drawn from files: give --root a checkout of "
    )
    assert refused.err.count("\n") == 1
    assert not Path("runs").exists()


def test_its_reading_is_checked_on_other_images(judged: Run) -> None:
    checked = judged(f"audit {TARGET} {GIVEN} --check-only")
    assert checked.code == 0, checked.out
    assert "doubt" not in checked.out
    about = read_json(Path("runs/faces-vae/subject.json"))
    assert (about["kind"], about["source"]) == ("zoo", TARGET)


def test_results_are_stored_beside_runs_and_reported(judged: Run) -> None:
    package = Path(open_subject.__code__.co_filename).parents[1] / "zoo"
    before = sorted(package.rglob("*"))
    refused = judged(f"report {TARGET}")
    assert refused.err == (
        "seatbelt-vae: error: zoo:faces-vae has no results in runs/faces-vae: `attack` or "
        "`evaluate` it, or give the folder of its results\n"
    )
    quick = "--pairs 1 --weight-count 3 --strength single --processes 1"
    assert judged(f"attack {TARGET} {GIVEN} {quick}").code == 0
    assert judged(f"evaluate {TARGET} {GIVEN} --images 5").code == 0
    assert judged("evaluate runs/faces-vae --images 5 --quiet").code == 0
    assert judged(f"report {TARGET}").out == "report: runs/faces-vae/report.html\n"
    assert sorted(package.rglob("*")) == before
    assert open_subject("runs/faces-vae").source == TARGET
