"""A grid of small runs: which they are, that each is what `train` makes; cut short and resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seatbelt_vae.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from seatbelt_vae.data import load
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.side_by_side import News
from seatbelt_vae.sweep import run_sweep
from seatbelt_vae.training import train

from .conftest import Run

SMALL = (
    "--data swiss-roll --images 600 --network mlp --latent-sizes 2 --features 16 --batch-size 32 "
    "--device cpu --checkpoint-every 5 --preset beta-vae"
)
COMMAND = [sys.executable, "-m", "seatbelt_vae"]
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}


def weights(folder: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in folder.glob("*/model.safetensors")}


def test_every_combination_is_trained_as_by_itself(run: Run, tmp_path: Path) -> None:
    vary = "--vary beta=1,4 seed=0,1 latent-sizes=2"
    done = run(f"sweep {tmp_path}/grid {SMALL} --steps 8 {vary} --json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    names = [f"beta={b}_seed={s}_latent-sizes=2" for b in (1, 4) for s in (0, 1)]
    assert list(found["runs"]) == names
    assert found["failures"] == {}
    made = weights(tmp_path / "grid")
    assert len(set(made.values())) == 4
    folder = RunFolder.open(tmp_path / "grid" / names[2])
    assert folder.config.objective.beta == 4
    assert folder.config.training.seed == 0
    alone = RunFolder.create(tmp_path / "alone", folder.config)
    train(alone, load("swiss-roll", images=600))
    assert (tmp_path / "alone" / "model.safetensors").read_bytes() == made[names[2]]
    again = run(f"sweep {tmp_path}/grid {SMALL} --steps 8 {vary} --quiet")
    assert again.code == 0
    assert all(name in again.out for name in names)
    other = run(f"sweep {tmp_path}/grid {SMALL} --steps 9 {vary}")
    assert other.code == 2
    assert "holds a run with other settings: give another folder, or delete it" in other.err
    assert weights(tmp_path / "grid") == made


def test_several_layers_and_a_run_that_cannot_be(run: Run, tmp_path: Path) -> None:
    words = SMALL.replace("--preset beta-vae", "--preset seatbelt --hierarchy-widths 8")
    vary = "--vary latent-sizes=3+2 batch-size=32,1000"
    done = run(f"sweep {tmp_path}/grid {words} --steps 2 {vary} --json")
    assert done.code == 2
    found = json.loads(done.out)
    assert list(found["failures"]) == ["latent-sizes=3+2_batch-size=1000"]
    assert "latent-sizes=3+2_batch-size=1000: batch_size 1000 is more than the 600" in done.err
    config = RunFolder.open(tmp_path / "grid" / "latent-sizes=3+2_batch-size=32").config
    assert config.model.latent_sizes == (3, 2)


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ("", "nothing varies: say what, as in --vary beta=1,2,4 seed=0,1"),
        ("--vary beta", "vary is 'beta', expected a flag of train and its values, as in beta=1,2"),
        ("--vary beta=", "vary is 'beta=', expected a flag"),
        ("--vary beta=1,1", "expected values that differ and contain no /"),
        ("--vary root=/a,/b", "expected values that differ and contain no /"),
        ("--vary beta=1 beta=2", "beta varies twice: name all values at once"),
        ("--vary bета=1", "unknown option --bета"),
        ("--vary beta=1,x", "--beta is 'x', expected FLOAT"),
        ("--vary seed=1 --jobs 0", "jobs is 0"),
    ],
)
def test_what_cannot_vary_is_refused(run: Run, tmp_path: Path, flags: str, reason: str) -> None:
    done = run(f"sweep {tmp_path}/grid {SMALL} {flags}")
    assert done.code == 2
    assert reason in done.err
    assert not (tmp_path / "grid").exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The weights of a sweep that was let be."""
    place = tmp_path_factory.mktemp("whole")
    sweep(place, "--jobs 2").communicate()
    return weights(place / "grid")


def sweep(place: Path, flags: str) -> "subprocess.Popen[str]":
    words = f"sweep grid {SMALL} --steps 150 --vary seed=0,1,2 {flags}"
    return subprocess.Popen(
        [*COMMAND, *words.split()],
        cwd=place,
        env=ONE_THREAD,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_sweep_cut_short_goes_on_to_the_same_bytes(
    whole: dict[str, bytes], tmp_path: Path, number: signal.Signals
) -> None:
    process = sweep(tmp_path, "--jobs 2")
    while not list(tmp_path.glob("grid/*/checkpoints/latest")):
        time.sleep(0.01)
    if number is signal.SIGKILL:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, err = process.communicate()
    if number is not signal.SIGKILL:
        assert process.returncode == 128 + number
        assert "interrupted; run the same command again to go on where it stopped" in err
    assert len(weights(tmp_path / "grid")) < 3
    _, err = sweep(tmp_path, "--jobs 1").communicate()
    assert weights(tmp_path / "grid") == whole, err


def test_no_more_than_asked_for_work_at_once(tmp_path: Path) -> None:
    config = RunConfig(
        DataConfig("swiss-roll", images=100),
        ModelConfig("vae", latent_sizes=(2,), network="mlp", features=4),
        training=TrainingConfig(steps=2, batch_size=8, device="cpu"),
    )
    told: list[News] = []
    configs = dict.fromkeys("abc", config)
    result = run_sweep(tmp_path, configs, jobs=1, on_news=told.append)
    assert list(result.runs) == ["a", "b", "c"]
    assert [news.job for news in told] == ["a", "b", "c"]
