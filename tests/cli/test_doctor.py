"""`doctor` and `--version`: text, JSON, and machines on which something is missing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seatbelt_vae.cli import doctor

from .conftest import Run

SENTENCE = "the compiled kernels are not installed; slower code is used: …"

SECTIONS: dict[str, Any] = {
    "package": {"version": "1.2", "folder": "/home/ada/venv"},
    "python": {"version": "3.13.1", "implementation": "CPython"},
    "system": {
        "platform": "Linux-6.1",
        "processor": "EPYC",
        "cores": 64,
        "usable_cores": 2,
        "variables": {"OMP_NUM_THREADS": "1", "HF_HOME": "/home/adam/hf"},
    },
    "kernels": {"used": False, "fallback": SENTENCE},
    "packages": [
        {"name": "numpy", "version": "2.4", "expected": ">=2.0", "accepted": True},
        {"name": "duckdb", "version": None, "expected": ">=1.5", "accepted": False},
        {"name": "torch", "version": "2.2", "expected": ">=2.11", "accepted": False},
    ],
    "extras": [
        {
            "name": "hdf5",
            "adds": "HDF5",
            "installed": True,
            "packages": [{"name": "h5py", "version": "3.16", "expected": ">=3", "accepted": True}],
        },
        {"name": "hub", "adds": "the Hub", "installed": False, "packages": []},
    ],
    "folders": [
        {
            "name": "working folder",
            "path": "/work",
            "bytes": None,
            "free_bytes": 2_500_000_000,
            "problem": "not writable",
        },
        {
            "name": "models of the Hub",
            "path": "/home/ada/hf",
            "bytes": 1_200_000,
            "free_bytes": None,
            "problem": None,
        },
    ],
    "torch": {
        "version": "2.2",
        "threads": 2,
        "instruction_set": "AVX2",
        "cuda": "12.8",
        "gpus": [{"name": "H200", "bytes": 150_000_000_000}],
        "mps": False,
        "warnings": [],
        "problem": None,
    },
}

TEXT = """\
seatbelt-vae           1.2 in ~/venv
Python                 3.13.1 (CPython)
system                 Linux-6.1
processor              EPYC, 2 of 64 cores
environment            OMP_NUM_THREADS=1, HF_HOME=/home/adam/hf
compiled kernels       the compiled kernels are not installed; slower code is used: …
packages               numpy 2.4, duckdb missing, torch 2.2
extra hdf5             HDF5; h5py 3.16
extra hub              the Hub; pip install 'seatbelt-vae[hub]'
working folder         /work, 2.5 GB free, not writable
models of the Hub      ~/hf, 1.2 MB used
torch                  2.2, 2 threads, AVX2
GPU                    H200, 150.0 GB, CUDA 12.8
"""


@pytest.fixture
def sections(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The sections that `doctor` finds, which a test may change."""
    changed: dict[str, Any] = json.loads(json.dumps(SECTIONS))
    monkeypatch.setattr(doctor, "inspect_installation", lambda: iter(changed.items()))
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ada"))
    return changed


def test_the_report_is_text_without_the_name_of_the_user(
    run: Run, sections: dict[str, Any]
) -> None:
    described = run("doctor")
    assert described.out == TEXT
    assert described.code == 2
    assert described.err == (
        "seatbelt-vae: error: duckdb is missing, expected >=1.5: pip install 'duckdb>=1.5'; torch "
        "is 2.2, expected >=2.11: pip install 'torch>=2.11'\n"
    )
    for package in sections["packages"]:
        package["accepted"] = True
    assert run("doctor").code == 0


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"problem": "torch cannot be imported: x"}, ["torch                  torch cannot be "]),
        ({"gpus": [], "mps": True}, ["GPU                    Apple (mps), not used"]),
        (
            {"gpus": [], "cuda": None},
            ["GPU                    none; this torch was built for the CPU only"],
        ),
        (
            {"gpus": [], "warnings": ["no driver"], "threads": 1},
            [
                "torch                  2.2, 1 thread, AVX2",
                "GPU                    none; this torch was built for CUDA 12.8; no driver",
            ],
        ),
    ],
)
def test_devices(
    run: Run, sections: dict[str, Any], changes: dict[str, Any], lines: list[str]
) -> None:
    sections["torch"] |= changes
    described = run("doctor")
    shown = described.out.splitlines()
    for line in lines:
        assert any(start.startswith(line) for start in shown)
    assert ("pip install --force-reinstall torch" in described.err) == ("problem" in changes)


def test_json_is_one_object_of_this_machine(run: Run) -> None:
    described = run("doctor --json")
    assert described.code == 0, described.err
    assert json.loads(described.out).keys() == SECTIONS.keys()


def test_a_torch_that_cannot_be_imported_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise OSError('libtorch.so:\\nno such file')")
    program = "import sys; from seatbelt_vae.cli import main; sys.exit(main(['doctor']))"
    place = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": place},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2
    assert ended.stderr == (
        "seatbelt-vae: error: torch cannot be imported: libtorch.so: no such file: pip install "
        "--force-reinstall torch\n"
    )
    assert "models of the Hub" in ended.stdout


def test_all_lines_but_the_last_appear_before_torch_is_imported() -> None:
    program = (
        "import sys, seatbelt_vae.installation as found; from seatbelt_vae.cli import main; "
        "found._torch = lambda: sys.exit(f\"torch imported: {'torch' in sys.modules}\"); "
        "main(['doctor'])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.stderr == "torch imported: False\n"
    assert "models of the Hub" in ended.stdout


def test_the_version_announces_missing_kernels(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seatbelt_vae.kernels.library.fallback", lambda: None)
    quiet = run("--version")
    monkeypatch.setattr("seatbelt_vae.kernels.library.fallback", lambda: SENTENCE)
    announced = run("--version")
    assert (quiet.code, quiet.err, announced.code) == (0, "", 0)
    assert quiet.out == announced.out
    assert announced.err == f"seatbelt-vae: {SENTENCE}\n"
