"""The verbs in sequence at tiny sizes: their files, their output, and resuming."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from seatbelt_vae.attacks import FLAGS
from seatbelt_vae.cli import main
from seatbelt_vae.parallel.operating_system import STOP_SIGNALS
from seatbelt_vae.report.tables import number
from seatbelt_vae.runs import read_rows, read_tensors

from .conftest import Run
from .forked import started_command

SMALL = (
    "--data dsprites --image-size 32 --images 300 --filters 4 8 --features 16 --latent-sizes 4 2 "
    "--hierarchy-widths 8 --batch-size 16 --threads 1 --seed 3"
)
QUICK = "--pairs 2 --max-evaluations 8 --restarts 1 --weight-count 3 --fresh-draws 2 --threads 1"
BRIEF = "--images 40 --iwae-draws 2 --aggregate-images 100 --aggregate-queries 20 --max-chains 8"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six steps."""
    folder = tmp_path_factory.mktemp("runs") / "x"
    assert main(["train", str(folder), *SMALL.split(), "--steps", "6", "--quiet"]) == 0
    return folder


def test_train_attack_evaluate_report_share(trained: Path, run: Run) -> None:
    attacked = run(f"attack {trained} {QUICK} --json")
    assert attacked.code == 0
    suite = json.loads(attacked.out)
    assert suite["pairs"] == 2
    assert Path(suite["suite"]).name == "latent-kl-strong"

    shown = run(f"attack {trained} {QUICK} --quiet")
    assert shown.err == ""
    assert "2 pairs: points, no intervals" in shown.out

    evaluated = run(f"evaluate {trained} {BRIEF} --json --quiet")
    measures = json.loads(evaluated.out)
    assert measures["images"] == 40
    shown = run(f"evaluate {trained} {BRIEF} --optional-metrics denoising mig codes")
    assert all(name in shown.out for name in ("ELBO", "z of a noisy image", "MIG", "nats per"))
    assert [row["factor"] for row in read_rows(trained / "evaluation" / "mig.parquet")] == [
        *("shape", "scale", "orientation", "x", "y")
    ]
    # a smaller or another evaluation keeps the stored metrics
    again = json.loads(run(f"evaluate {trained} {BRIEF} --json --quiet").out)
    assert measures.keys() | {"denoising", "mig"} <= again.keys()
    assert all((trained / f"evaluation/{name}.parquet").exists() for name in ("mig", "codes"))

    reported = run(f"report {trained} --json")
    written = Path(json.loads(reported.out)["report"])
    assert written == trained / "report.html"
    assert written.read_text().startswith("<!")

    assert run(f"share {trained} shared --quiet").code == 0
    card = Path("shared/README.md").read_text()
    assert f"| ELBO, β = 1 | {number(measures['elbo'])} |" in card
    assert "| Δ / bound | " in card
    assert all(f"| {flag} | " in card for flag in FLAGS)


def test_a_runs_own_settings_make_the_same_weights(trained: Path, run: Run) -> None:
    again = run(f"train y --config {trained}/config.toml --json")
    assert json.loads(again.out)["run"] == "y"
    first, second = (read_tensors(path / "model.safetensors") for path in (trained, Path("y")))
    assert first.keys() == second.keys()
    assert all(bool((first[name] == second[name]).all()) for name in first)


def test_flags_override_the_settings_file(trained: Path, run: Run) -> None:
    assert run(f"train z --config {trained}/config.toml --steps 2 --seed 4 --quiet").code == 0
    written = Path("z/config.toml").read_text()
    assert "steps = 2\n" in written
    assert "seed = 4\n" in written
    assert "batch_size = 16\n" in written


def test_a_finished_run_is_not_trained_over(trained: Path, run: Run) -> None:
    before = (trained / "model.safetensors").read_bytes()
    assert run(f"train {trained} {SMALL} --steps 6").code == 2
    assert run(f"train {trained} --resume --quiet").code == 0
    assert (trained / "model.safetensors").read_bytes() == before


def test_a_class_that_is_not_said(trained: Path, run: Run) -> None:
    refused = run(f"evaluate {trained} {BRIEF} --optional-metrics downstream")
    assert refused.code == 2
    assert refused.err == (
        "seatbelt-vae: error: 'dsprites' has several factors and none is called class: say which "
        "one is classified with downstream_factor, one of shape, scale, orientation, x, y\n"
    )


def test_layers_the_model_has_not(trained: Path, run: Run) -> None:
    refused = run(f"attack {trained} --layers 1,7")
    assert refused.code == 2
    assert "expected distinct numbers 1…2" in refused.err


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run of 100 steps."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert main(["train", str(folder), *SMALL.split(), "--steps", "100", "--quiet"]) == 0
    return folder


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_stopped_training_goes_on(number: signal.Signals, whole: Path, tmp_path: Path) -> None:
    """A run stopped by a signal and resumed has the weights of an uninterrupted run."""
    words, told = ["train", "cut", *SMALL.split(), "--steps", "100"], tmp_path / "told"
    process = started_command(words, tmp_path, tmp_path / "out", told)
    while not (told.exists() and "training" in told.read_text()):
        assert process.is_alive()
        time.sleep(0.005)
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode == 128 + number
    said = told.read_text().splitlines()
    assert said[-1] == "seatbelt-vae: interrupted; resume with: seatbelt-vae train cut --resume"
    assert not (tmp_path / "cut" / "model.safetensors").exists()
    assert main(["train", str(tmp_path / "cut"), "--resume", "--quiet"]) == 0
    weights = [(folder / "model.safetensors").read_bytes() for folder in (whole, tmp_path / "cut")]
    assert weights[0] == weights[1]
