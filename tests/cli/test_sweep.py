"""A grid of small runs: its combinations, equality with `train`, and resuming."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from seatbelt_vae.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from seatbelt_vae.data import load_data
from seatbelt_vae.parallel.worker_pool import JobProgress
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.sweep import LocalEngine, run_sweep
from seatbelt_vae.training import train
from seatbelt_vae.workflow import Job, folder_name

from .conftest import Run

SMALL = (
    "--data swiss-roll --images 600 --network mlp --latent-sizes 2 --features 16 --batch-size 32 "
    "--device cpu --checkpoint-every 5 --preset beta-vae"
)
COMMAND = [sys.executable, "-m", "seatbelt_vae"]
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}

CHECKPOINT = "checkpoints/step-000000002/about.json"

GRID = """
[train]
data = {name = "swiss-roll", images = 600}
model = {preset = "vae", network = "mlp", latent_sizes = [2], features = 16}
training = {steps = 50, batch_size = 32, device = "cpu"}

[vary]
model.preset = ["vae", "beta-vae"]
objective.beta = [1, 4]

[[attack]]
pairs = 2
weight_count = 2
max_evaluations = 8
restarts = 1
fresh_draws = 2
gradient_free = 4

[evaluation]
images = 20
iwae_draws = 2
aggregate_images = 50
aggregate_queries = 10
max_chains = 8
"""


def weights(folder: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in folder.glob("*/model.safetensors")}


def test_every_combination_is_trained_as_by_itself(run: Run, tmp_path: Path) -> None:
    vary = "--vary beta=1,4 seed=0,1 latent-sizes=2"
    done = run(f"sweep {tmp_path}/grid {SMALL} --steps 8 {vary} --json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    labels = [f"beta={b}_seed={s}_latent-sizes=2" for b in (1, 4) for s in (0, 1)]
    assert list(found["runs"]) == labels
    assert found["failures"] == {}
    made = weights(tmp_path / "grid")
    assert len(set(made.values())) == 4
    folder = RunFolder.open(Path(found["runs"][labels[2]]["run"]))
    assert folder.path.parent == tmp_path / "grid"
    assert folder.path.name == folder_name(labels[2], Job(folder.config))
    assert folder.config.objective.beta == 4
    assert folder.config.training.seed == 0
    alone = RunFolder.create(tmp_path / "alone", folder.config)
    train(alone, load_data("swiss-roll", images=600))
    assert (tmp_path / "alone" / "model.safetensors").read_bytes() == made[folder.path.name]
    again = run(f"sweep {tmp_path}/grid {SMALL} --steps 8 {vary} --quiet")
    assert again.code == 0
    assert again.err == ""
    assert all(label in again.out for label in labels)
    assert weights(tmp_path / "grid") == made


def test_a_grid_file_is_trained_attacked_and_evaluated(run: Run, tmp_path: Path) -> None:
    (tmp_path / "betas.toml").write_text(GRID)
    done = run("sweep betas.toml --steps 8 --json")
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith(
        "seatbelt-vae: error: preset=vae_beta=4: beta is 4 with preset 'vae', whose objective is"
    )
    found = json.loads(done.out)
    assert found["folder"] == "runs/betas"
    labels = ["preset=vae_beta=1", "preset=beta-vae_beta=1", "preset=beta-vae_beta=4"]
    assert list(found["runs"]) == labels
    assert list(found["failures"]) == ["preset=vae_beta=4"]
    for known in found["runs"].values():
        assert RunFolder.open(Path(known["run"])).config.training.steps == 8
        assert list(known["gap@0.2"]) == ["latent-kl-strong"]
        measured = RunFolder(Path(known["run"])).read_json("evaluation/measures.json")
        assert known["elbo"] == measured["elbo"]
    shown = run("sweep betas.toml --steps 8 --quiet")
    assert "gap@0.2 latent-kl-strong" in shown.out
    assert all(label in shown.out for label in labels)
    assert f"{found['runs'][labels[0]]['elbo']:.1f}" in shown.out


def test_where_the_runs_of_a_file_lie(run: Run, tmp_path: Path) -> None:
    """The flag overrides the file, and the file overrides the default."""
    short = GRID.split("[vary]")[0]
    (tmp_path / "one.toml").write_text(f'out = "said"\n{short}')
    for flags, place in (("--out told", "told"), ("", "said")):
        found = json.loads(run(f"sweep one.toml --steps 1 {flags} --json").out)
        assert found["folder"] == place
        assert list(found["runs"]) == ["run"]
        assert len(weights(tmp_path / place)) == 1


def test_several_layers_and_a_run_that_cannot_be(run: Run, tmp_path: Path) -> None:
    words = SMALL.replace("--preset beta-vae", "--preset seatbelt --hierarchy-widths 8")
    vary = "--vary latent-sizes=3+2 batch-size=32,1000"
    done = run(f"sweep {tmp_path}/grid {words} --steps 2 {vary} --json")
    assert done.code == 2
    found = json.loads(done.out)
    assert list(found["failures"]) == ["latent-sizes=3+2_batch-size=1000"]
    assert "latent-sizes=3+2_batch-size=1000: batch_size 1000 is more than the 600" in done.err
    (made,) = found["runs"].values()
    assert RunFolder.open(Path(made["run"])).config.model.latent_sizes == (3, 2)
    assert len(list((tmp_path / "grid").glob("*/run.json"))) == 1


@pytest.mark.parametrize(
    "flags",
    [
        "",
        "--vary beta",
        "--vary beta=",
        "--vary beta=1,1",
        "--vary root=/a,/b",
        "--vary beta=1 beta=2",
        "--vary bета=1",
        "--vary beta=1,x",
        "--vary config=x.toml,y.toml",
        "--vary seed=1 --out elsewhere",
        "--vary seed=1 --jobs 0",
        "--vary seed=1 --engine rey",
        "--vary seed=1 --address head:6379",
        "--vary seed=1 --engine ray --address 127.0.0.1:1",
    ],
)
def test_what_cannot_vary_is_refused(
    flags: str, run: Run, tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    done = run(f"sweep grid {SMALL} {flags} --quiet")
    assert (done.code, done.out) == (2, "")
    assert done.err == snapshot
    assert not list(tmp_path.glob("grid/*"))


@pytest.mark.parametrize(
    "line",
    ["nowhere.toml", "grid.toml --vary beta=1", "grid.toml --config grid.toml", "wrong.toml"],
)
def test_what_is_no_grid_is_refused(
    line: str, run: Run, tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    (tmp_path / "grid.toml").write_text("[vary]\ntraining.seed = [0, 1]\n")
    (tmp_path / "wrong.toml").write_text("[vary]\nobjective.betta = [0, 1]\n")
    done = run(f"sweep {line}")
    assert (done.code, done.out) == (2, "")
    assert done.err == snapshot
    assert not (tmp_path / "runs").exists()


LONG = f"{SMALL} --steps 150 --vary seed=0,1,2"


def test_a_sweep_cut_short_again_and_again_goes_on_to_the_same_bytes(
    run: Run, tmp_path: Path
) -> None:
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        code, err = cut_short(tmp_path, number)
        if number is not signal.SIGKILL:
            assert code == 128 + number
            assert "interrupted; run the same command again to go on where it stopped" in err
            stored = [
                json.loads(path.read_text()) for path in tmp_path.glob("grid/*/attempts.json")
            ]
            assert {rows[-1]["end"] for rows in stored} <= {"interrupted", "done"}
        assert len(weights(tmp_path / "grid")) < 3
    assert run(f"sweep grid {LONG} --jobs 1").code == 0
    assert run(f"sweep whole {LONG} --jobs 2").code == 0
    assert weights(tmp_path / "grid") == weights(tmp_path / "whole")


def cut_short(folder: Path, number: signal.Signals) -> tuple[int, str]:
    """Start or resume the sweep and send a signal to its processes, once one stored a checkpoint.

    Returns:
        The exit code, and what was printed on stderr.
    """
    began = time.time()
    process = subprocess.Popen(
        [*COMMAND, *f"sweep grid {LONG} --jobs 2".split()],
        cwd=folder,
        env=ONE_THREAD,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    stored = "grid/*/checkpoints/latest"
    while not any(path.lstat().st_mtime > began for path in folder.glob(stored)):
        time.sleep(0.01)
    os.killpg(process.pid, number)  # as SLURM does
    _, err = process.communicate()
    return process.returncode, err


def test_no_more_than_asked_for_work_at_once_each_with_its_own_threads(tmp_path: Path) -> None:
    threads = {"a": None, "b": 2, "c": None}
    jobs = {
        label: Job(
            RunConfig(
                DataConfig("swiss-roll", images=100),
                ModelConfig("vae", latent_sizes=(2,), network="mlp", features=4),
                training=TrainingConfig(
                    steps=2, batch_size=8, device="cpu", seed=seed, threads=threads[label]
                ),
            )
        )
        for seed, label in enumerate(threads)
    }
    told: list[JobProgress] = []
    result = run_sweep(tmp_path, jobs, engine=LocalEngine(jobs=1), on_progress=told.append)
    assert list(result.runs) == ["a", "b", "c"]
    assert [news.job for news in told] == ["a", "a", "b", "b", "c", "c"]
    assert [news.what for news in told] == ["getting ready", "training"] * 3
    about = {label: run.read_json(CHECKPOINT)["conditions"] for label, run in result.runs.items()}
    assert {label: said["threads"] for label, said in about.items()} == {"a": 1, "b": 2, "c": 1}
