"""The commands on a system that is not Linux, and what differs between systems."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from seatbelt_vae.parallel import operating_system

MODEL = (
    "--data swiss-roll --images 300 --network mlp --latent-sizes 2 --features 8 --batch-size 32 "
    "--device cpu --threads 1 --steps 2"
)
ATTACK = (
    "--pairs 2 --together 1 --processes 2 --max-evaluations 4 --restarts 1 --weight-count 2 "
    "--fresh-draws 2 --gradient-free 4"
)
COMMANDS = [
    f"train run {MODEL}",
    f"attack run {ATTACK}",
    "report run --out report.html",
    "doctor",
    "completion bash",
]
CHECK = """
import multiprocessing, os, sys
from seatbelt_vae.parallel import operating_system, shared_work
assert not hasattr(os, "fork") and "forkserver" not in multiprocessing.context._concrete_contexts
assert "fcntl" not in sys.modules and operating_system.available_cores() == os.cpu_count()
assert operating_system.msvcrt.locking.__name__ == "locking"
"""


def test_train_attack_and_report_without_posix(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("foreign_system.py"), tmp_path / "sitecustomize.py")
    place = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    foreign = {**os.environ, "PYTHONPATH": place, "PYTHONWARNDEFAULTENCODING": "1"}
    foreign["USERNAME"] = "somebody"  # Windows sets it; without it, Python asks pwd
    for command in (["-c", CHECK], *(["-m", "seatbelt_vae", *c.split()] for c in COMMANDS)):
        ended = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=foreign, capture_output=True, text=True
        )
        assert ended.returncode == 0, f"{command}: {ended.stderr}"
        assert "ended early" not in ended.stderr
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert (tmp_path / "run" / "attacks" / "latent-kl-strong" / "summary.json").exists()


def test_a_killed_process_is_told_from_one_that_ended() -> None:
    assert operating_system.cause_of_death(-9) == "SIGKILL"
    assert operating_system.cause_of_death(0xC0000005) == "exception 0xc0000005"
    assert operating_system.cause_of_death(-35) == "signal 35"
    assert operating_system.cause_of_death(0) is operating_system.cause_of_death(2) is None


def test_cores_without_affinity_are_those_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert operating_system.available_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert operating_system.available_cores() == 7


@pytest.mark.parametrize(("on_linux", "method"), [(True, "forkserver"), (False, "spawn")])
def test_processes_are_spawned_off_linux(
    on_linux: bool, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if on_linux and sys.platform != "linux":
        pytest.skip("a fork server is for Linux")
    monkeypatch.setattr(operating_system, "_ON_LINUX", on_linux)
    assert operating_system.start_context(["json"]).get_start_method() == method


def test_only_the_allocator_of_glibc_is_tuned(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = list[tuple[int, int]]()
    glibc = SimpleNamespace(mallopt=lambda *arguments: calls.append(arguments))
    for on_linux, library in ((True, glibc), (True, SimpleNamespace()), (False, None)):
        monkeypatch.setattr(operating_system, "_ON_LINUX", on_linux)
        monkeypatch.setattr(ctypes, "CDLL", lambda _, found=library: found)
        operating_system.keep_freed_memory()
    # malloc.h: M_MMAP_THRESHOLD is -3, M_TRIM_THRESHOLD is -1
    assert calls == [(-3, 1 << 30), (-1, (1 << 31) - 1)]


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ("processor\t: 0\nmodel name\t: EPYC 9: 64\nmodel name\t: other\n", "EPYC 9: 64"),
        ("processor\t: 0\nFeatures\t: asimd\n", "arm"),  # Linux on ARM
        (None, "arm"),  # macOS, Windows
    ],
)
def test_the_processor_has_a_name_on_every_system(
    facts: str | None, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if facts is not None:
        (tmp_path / "cpuinfo").write_text(facts)
    monkeypatch.setattr(operating_system, "Path", lambda _: tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.processor", lambda: "arm")
    assert operating_system.processor_name() == name


def test_signals_are_not_held_where_the_system_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(signal, "pthread_sigmask", raising=False)
    with operating_system.stop_signals_held():
        ran = True
    assert ran


def test_stop_signals_are_those_of_the_system() -> None:
    known = {name for name in dir(signal) if name.startswith("SIG")}
    names = {number.name for number in operating_system.STOP_SIGNALS}
    wanted = {"SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGBREAK"}
    assert names == wanted & known
