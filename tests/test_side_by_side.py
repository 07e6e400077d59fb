"""Jobs in processes of their own: what is left when the one that began them is gone."""

import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from seatbelt_vae.side_by_side import work_side_by_side

ROOT = Path(__file__).resolve().parent.parent
BEGIN = """
import sys
from pathlib import Path
from tests.test_side_by_side import begin
begin(Path(sys.argv[1]))
"""


def begin(folder):
    work_side_by_side({"job": partial(work, folder)}, print, at_once=1)


def work(folder, tell, stopped):
    """Tells until it must stop, and then leaves something to go on from."""
    done = 0
    while not stopped():
        done += 1
        tell("working", done, 0)
        (folder / "begun").touch()
    (folder / "saving").write_text(str(done))
    (folder / "saving").rename(folder / "saved")


def test_a_job_whose_parent_is_killed_saves_and_ends(tmp_path):
    command = [sys.executable, "-c", BEGIN, str(tmp_path)]
    with (tmp_path / "said").open("w") as said:
        parent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=said)
        while parent.poll() is None and not (tmp_path / "begun").exists():
            time.sleep(0.01)
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 60
    while not (tmp_path / "saved").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert int((tmp_path / "saved").read_text()) > 0
    assert "Traceback" not in (tmp_path / "said").read_text()
