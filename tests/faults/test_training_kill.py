"""Training killed for real, at random moments, ends in the weights of an unbroken run."""

import os
import random
import resource
import signal
import subprocess
import sys
import time

import pytest

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs import RunFolder, read_rows
from seatbelt_vae.training import train
from tests.conftest import ROOT
from tests.training import small

KILLS = 5


def start(folder, preset):
    command = [sys.executable, "-m", "tests.training.small", str(folder), preset]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment)


def checkpoints(folder):
    return {path.name for path in folder.glob("checkpoints/step-*")}


@pytest.mark.parametrize("preset", ["vae", "seatbelt"])
def test_killed_again_and_again_equals_uninterrupted(tmp_path, preset):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(whole, preset).wait() == 0
    moments = random.Random(preset)
    kills = 0
    while kills < KILLS:
        process = start(killed, preset)
        # wait for the run to exist, then for a random part of its work
        while process.poll() is None and not (killed / "model.json").exists():
            time.sleep(0.01)
        began = {p.name for p in killed.glob("checkpoints/step-*")}
        while (
            process.poll() is None and {p.name for p in killed.glob("checkpoints/step-*")} == began
        ):
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.08))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    assert start(killed, preset).wait() == 0
    assert (killed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert read_rows(killed / "metrics") == read_rows(whole / "metrics")


def test_full_disk_keeps_the_last_checkpoint_and_the_run_goes_on(tmp_path):
    run = RunFolder.create(tmp_path / "run", small.config())
    asked = iter([False] * 13 + [True])
    train(run, small.points(), stop=lambda: next(asked))
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
        with pytest.raises(ArtifactError, match=r"cannot write .*: File too large") as caught:
            train(run, small.points())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert "\n" not in str(caught.value)
    assert all(path.read_bytes() == data for path, data in before.items())
    assert not list(run.path.rglob("*.tmp"))
    train(run, small.points())
    whole = RunFolder.create(tmp_path / "whole", small.config())
    train(whole, small.points())
    weights = [(r.path / "model.safetensors").read_bytes() for r in (run, whole)]
    assert weights[0] == weights[1]
