"""Jobs in separate processes, also after the end of their parent."""

import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from seatbelt_vae.parallel.worker_pool import run_jobs

ROOT = Path(__file__).resolve().parents[2]
BEGIN = """
import sys
from pathlib import Path
from tests.parallel.test_worker_pool import begin
begin(Path(sys.argv[1]), sys.argv[2])
"""


def begin(folder, parent):
    on_progress = {"reads": print, "sleeps": lambda _: time.sleep(600)}[parent]
    run_jobs({"job": partial(work, folder)}, on_progress, at_once=1)


def work(folder, tell, stopped):
    """Reports progress until it must stop, then writes its state."""
    done = 0
    while not stopped():
        for _ in range(10):  # some of it said when the parent is gone already
            done += 1
            tell("working", done, 0)
            time.sleep(0.01)
        (folder / "begun").touch()
    (folder / "saving").write_text(str(done))
    (folder / "saving").rename(folder / "saved")


@pytest.mark.parametrize("parent", ["reads", "sleeps"])
def test_a_job_whose_parent_is_killed_saves_and_ends(parent, tmp_path):
    command = [sys.executable, "-c", BEGIN, str(tmp_path), parent]
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=said)
        while process.poll() is None and not (tmp_path / "begun").exists():
            time.sleep(0.01)
        process.kill()
        process.wait()
    deadline = time.monotonic() + 60
    while not (tmp_path / "saved").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    said = (tmp_path / "said").read_text()
    assert (tmp_path / "saved").exists(), said
    assert int((tmp_path / "saved").read_text()) > 0
    assert "Traceback" not in said
