"""`attack` with several processes, a second command, a sibling, and a killed process."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from seatbelt_vae.cli import main
from seatbelt_vae.results import Store
from seatbelt_vae.runs import read_json, read_rows, read_tensors

from .conftest import Run
from .forked import started_command

# points take half the time of images to attack
SMALL = (
    "--data swiss-roll --images 300 --network mlp --features 16 --latent-sizes 4 2 "
    "--hierarchy-widths 8 --batch-size 16 --threads 1 --seed 3"
)
NAME = "latent-kl-strong"
QUICK = (
    "--max-evaluations 8 --restarts 1 --weight-count 3 --fresh-draws 2 --threads 1 "
    "--gradient-free 20 --quiet"
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps."""
    folder = tmp_path_factory.mktemp("runs") / "x"
    assert main(["train", str(folder), *SMALL.split(), "--steps", "2", "--quiet"]) == 0
    return folder


def contents(suite: Path) -> tuple[object, ...]:
    """Every number of a suite, measured."""
    images = [read_tensors(path) for path in sorted(suite.rglob("*.safetensors"))]
    return (
        read_rows(suite, "pair-*.parquet"),
        *(read_rows(suite / kind) for kind in ("measures", "budgets", "pairs")),
        [{name: tensor.tolist() for name, tensor in stored.items()} for stored in images],
        read_json(suite / "summary.json"),
    )


@pytest.fixture(scope="module")
def alone(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite of six pairs as one process makes it."""
    run = tmp_path_factory.mktemp("alone") / "x"
    shutil.copytree(trained, run)
    assert main(["attack", str(run), *QUICK.split(), "--pairs", "6", "--processes", "1"]) == 0
    return run / "attacks" / NAME


@pytest.mark.parametrize("commands", [1, 2])
def test_processes_share_a_suite_and_find_what_one_finds(
    commands: int, trained: Path, alone: Path, tmp_path: Path
) -> None:
    run = tmp_path / "x"
    shutil.copytree(trained, run)
    processes = "2" if commands == 1 else "1"
    words = ["attack", str(run), *QUICK.split(), "--pairs", "6", "--processes", processes, "--json"]
    outs = [tmp_path / f"out{number}" for number in range(commands)]
    started = [started_command(words, tmp_path, out, tmp_path / "err") for out in outs]
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0] * commands
    printed = [json.loads(out.read_text()) for out in outs]
    assert contents(run / "attacks" / NAME) == contents(alone)
    assert all(told["measures"] == printed[0]["measures"] for told in printed)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGUSR2])
def test_a_command_that_is_stopped_takes_its_crew_along_and_can_go_on(
    number: signal.Signals, trained: Path, alone: Path, tmp_path: Path
) -> None:
    run = tmp_path / "x"
    shutil.copytree(trained, run)
    suite = run / "attacks" / NAME
    words = ["attack", str(run), *QUICK.split(), "--pairs", "6", "--processes", "2"]
    process = started_command(words, tmp_path, tmp_path / "out", tmp_path / "err")
    while not any(suite.glob("pair-*.safetensors")):
        assert process.is_alive()
        time.sleep(0.005)
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode == (-number if number is signal.SIGKILL else 128 + number)
    # a member ends after the pairs it is at
    deadline = time.monotonic() + 60
    while _working_on(run) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _working_on(run)
    assert main([*words[:-1], "1"]) == 0
    assert contents(suite) == contents(alone)


def _working_on(run: Path) -> list[str]:
    """Processes that have the suite's lock open."""
    lock = run / "attacks" / NAME / ".lock"
    found = []
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if descriptor.readlink() == lock:
                found.append(descriptor.parts[2])
        except OSError:
            continue
    return found


def test_a_sibling_is_tried_and_must_have_been_attacked(
    trained: Path, alone: Path, run: Run, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    assert run(f"train {mine} {SMALL} --steps 3 --quiet").code == 0
    sibling = alone.parent.parent
    assert run(f"attack {mine} {QUICK} --pairs 6 --sibling {sibling} --processes 1").code == 0
    rows = read_rows(mine / "attacks" / NAME, "pair-*.parquet")
    assert all(row["delta_transfer"] is not None for row in rows)
    refused = run(f"attack {mine} {QUICK} --pairs 5 --sibling {trained} --loss latent-w2")
    assert refused.code == 2
    assert "attack it first, with the same settings" in refused.err
    assert "no such file or folder: nowhere" in run(f"attack {mine} {QUICK} --sibling nowhere").err


def test_no_processes_are_refused(trained: Path, run: Run) -> None:
    refused = run(f"attack {trained} {QUICK} --processes 0")
    assert refused.code == 2
    assert refused.err.startswith("seatbelt-vae: error: processes is 0, expected")


def test_levels_from_zero_on(trained: Path, run: Run, tmp_path: Path) -> None:
    place = tmp_path / "x"
    shutil.copytree(trained, place)
    flags = QUICK.replace("--weight-count 3 ", "")
    done = run(f"attack {place} {flags} --pairs 1 --levels 0 0.5 2 --processes 1")
    assert done.code == 0, done.err
    (free, *others) = read_rows(place / "attacks" / NAME, "pair-*.parquet")
    assert [row["level_relative"] for row in (free, *others)] == pytest.approx([0, 0.5, 2])
    assert free["delta"] == pytest.approx(free["divergence"])
    assert all(free["divergence"] <= row["divergence"] * 1.001 for row in others)
    assert run(f"report {place}").code == 0
    found = Store.open([place]).query("SELECT levels, weight_count FROM suites").to_pylist()
    assert found == [{"levels": [0.0, 0.5, 2.0], "weight_count": None}]
