"""Training in several processes started by torchrun."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from seatbelt_vae import data
from seatbelt_vae.cli import main
from seatbelt_vae.errors import DataError
from tests.faults.killing import started
from tests.parallel.test_process_group import free_port, set_group

from .forked import run_command

STEPS = 60
SMALL = (
    f"--data swiss-roll --images 600 --network mlp --latent-sizes 2 --features 16 --preset "
    f"beta-tcvae --batch-size 32 --steps {STEPS} --device cpu --checkpoint-every 20 --json"
)
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}


def together(arguments: str, folder: Path) -> "subprocess.Popen[str]":
    """The command in two processes."""
    torchrun = ["torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    return subprocess.Popen(
        [sys.executable, "-m", *torchrun, "-m", "seatbelt_vae", *arguments.split()],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """The weights of a run in one process."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert main(["train", str(folder), *SMALL.split()]) == 0
    return load_file(folder / "model.safetensors")


def assert_close(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    """The order of sums changes rounding, which accumulates in training."""
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=1e-3, atol=1e-4)


def test_two_processes_train_what_one_would(whole: dict[str, torch.Tensor], tmp_path: Path) -> None:
    process = together(f"train run {SMALL}", tmp_path)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert out.count('"steps"') == 1
    assert err.count(f"{STEPS}/{STEPS}") <= 1
    assert_close(load_file(tmp_path / "run" / "model.safetensors"), whole)


def ranks(folder: Path, lacking: bool) -> tuple[list[int | None], str]:
    """The exit codes and errors of two processes, started by the fork server as torchrun does."""
    port = free_port()
    processes = [started(_rank, (rank, port, folder, lacking)) for rank in (0, 1)]
    for process in processes:
        process.join()
    said = "".join((folder / f"err{rank}").read_text() for rank in (0, 1))
    return [process.exitcode for process in processes], said


def _rank(rank: int, port: int, folder: Path, lacking: bool) -> None:
    def load_for(_: object) -> None:
        raise DataError("no images here, expected some: fetch them")

    set_group(rank, 2, port)
    if lacking and rank == 1:
        data.load_for = load_for
    run_command(f"train run {SMALL}".split(), folder, folder / f"out{rank}", folder / f"err{rank}")


def test_an_error_is_printed_once(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("")
    codes, err = ranks(tmp_path, lacking=False)
    assert 0 not in codes
    assert len(re.findall("^seatbelt-vae: error: ", err, re.MULTILINE)) == 1
    assert "Traceback" not in err.partition("seatbelt-vae: error: ")[0]
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine.txt"]


def test_the_error_of_one_process_is_printed_and_ends_all(tmp_path: Path) -> None:
    codes, err = ranks(tmp_path, lacking=True)
    assert 0 not in codes
    assert re.findall("^seatbelt-vae: error: (.*)$", err, re.MULTILINE) == [
        "another process failed; see its error message",
        "process 1: no images here, expected some: fetch them",
    ]
    assert not (tmp_path / "run").exists()


def test_stopped_processes_leave_what_one_process_finishes(
    whole: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    process = together(f"train run {SMALL}".replace("--json", ""), tmp_path)
    assert process.stderr is not None
    said = ""
    while "training" not in said:
        said = process.stderr.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert not (tmp_path / "run" / "model.safetensors").exists()
    assert main(["train", str(tmp_path / "run"), "--resume"]) == 0
    assert_close(load_file(tmp_path / "run" / "model.safetensors"), whole)
