"""`train`: failed starts, a second trainer, other devices, and more steps."""

import os
import signal
import time
from pathlib import Path

import pytest

from seatbelt_vae.config import RunConfig
from seatbelt_vae.runs import RunFolder, read_rows
from tests.parallel.test_sole_worker import holding

from .conftest import Run
from .forked import started_command

SMALL = (
    "--data swiss-roll --images 600 --network mlp --preset vae --latent-sizes 2 --features 16 "
    "--batch-size 32 --threads 1 --quiet"
)


@pytest.mark.parametrize("bad", ["--device cuda", "--trackers wandb", "--images 20"])
def test_a_failed_start_leaves_nothing_behind(
    bad: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    failed = run(f"train x {SMALL.replace('--images 600', '')} --steps 3 {bad}")
    assert failed.code == 2
    assert failed.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
    assert run(f"train x {SMALL} --steps 3").code == 0


def test_a_divergence_before_the_first_checkpoint_leaves_nothing_behind(
    run: Run, tmp_path: Path
) -> None:
    failed = run(f"train x {SMALL} --steps 60 --learning-rate 1e30")
    assert failed.code == 2
    assert "training diverged at step" in failed.err
    assert list(tmp_path.iterdir()) == []


def test_a_failure_after_a_checkpoint_keeps_it(run: Run, tmp_path: Path) -> None:
    failed = run(f"train x {SMALL} --steps 60 --learning-rate 1e30 --checkpoint-every 1")
    assert failed.code == 2
    assert (tmp_path / "x" / "checkpoints" / "latest").exists()


def test_defences_are_joined_by_commas_or_listed_and_a_resumed_run_has_them(
    run: Run, tmp_path: Path
) -> None:
    both = ("denoising-adversarial", "encoder-jacobian")
    for name, words in (("x", ",".join(both)), ("y", " ".join(both))):
        assert run(f"train {name} {SMALL} --steps 3 --defence {words} --defence-steps 2").code == 0
        objective = RunFolder.open(tmp_path / name).config.objective
        assert (objective.defence, objective.defence_steps) == (both, 2)
    rows = [read_rows(tmp_path / name / "metrics") for name in "xy"]
    assert rows[0] == rows[1]
    assert {"elbo_clean", "elbo_attacked", "encoder-jacobian"} <= set(rows[0][0])
    assert run("train x --resume --steps 4 --quiet").code == 0


def test_an_unknown_defence_and_a_setting_without_its_defence_are_one_line(run: Run) -> None:
    for flags, message in (
        (
            "--defence denoising",
            "unknown training defence 'denoising': perhaps you meant 'denois",
        ),
        ("--defence-radius 0.1", "defence_radius is 0.1, which no chosen defence reads: leave it"),
    ):
        failed = run(f"train x {SMALL} --steps 3 {flags}")
        assert failed.code == 2
        assert failed.err.count("\n") == 1
        assert message in failed.err


def test_resume_takes_another_device(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert run(f"train x {SMALL} --device cpu --steps 3").code == 0
    config = tmp_path / "x" / "config.toml"
    config.write_text(config.read_text().replace('device = "cpu"', 'device = "cuda"'))
    (tmp_path / "x" / "model.safetensors").unlink()
    assert "device is cuda, but torch finds no" in run("train x --resume").err
    assert run("train x --resume --device cpu --quiet").code == 0
    assert (tmp_path / "x" / "model.safetensors").exists()


def test_a_finished_run_is_extended(run: Run, tmp_path: Path) -> None:
    assert run(f"train x {SMALL} --steps 4").code == 0
    refused = run("train x --resume --steps 3")
    assert refused.code == 2
    assert "x has 4 steps and 3 were asked for: give at least 4" in refused.err
    assert run("train x --resume --steps 9 --quiet").code == 0
    assert RunFolder.open(tmp_path / "x").config.training.steps == 9
    rows = read_rows(tmp_path / "x" / "metrics")
    assert [r["step"] for r in rows if r["split"] == "train"] == list(range(1, 10))
    assert run("train x --resume --quiet").code == 0


@pytest.mark.parametrize("ends", [signal.SIGTERM, signal.SIGKILL])
def test_a_second_trainer_is_told_of_the_first(
    ends: signal.Signals, run: Run, tmp_path: Path
) -> None:
    line = f"train x {SMALL} --steps 100000 --checkpoint-every 5"
    first = started_command(line.split(), tmp_path, tmp_path / "out", tmp_path / "err")
    try:
        while not (tmp_path / "x" / "checkpoints" / "latest").exists():
            assert first.is_alive()
            time.sleep(0.01)
        second = run("train x --resume --quiet")
        assert second.code == 2
        assert f"another process is training x: process {first.pid} on {os.uname().nodename}" in (
            second.err
        )
        assert first.is_alive()
    finally:
        os.kill(first.pid, ends)
        first.join()
    config = tmp_path / "x" / "config.toml"
    done = len(read_rows(tmp_path / "x" / "metrics"))
    config.write_text(config.read_text().replace("steps = 100000", f"steps = {done + 20}"))
    assert run("train x --resume --quiet").code == 0


def test_a_folder_that_another_process_has_begun_is_kept(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two equal commands that start at the same moment may both create the folder."""
    started = []
    create = RunFolder.create

    def created(path: Path, config: RunConfig) -> RunFolder:
        folder = create(path, config)
        started.append(holding(path))
        return folder

    monkeypatch.setattr(RunFolder, "create", created)
    refused = run(f"train x {SMALL} --steps 3")
    assert "another process is training x" in refused.err
    assert (tmp_path / "x" / "run.json").exists()
    with started[0] as first:
        first.communicate("")
