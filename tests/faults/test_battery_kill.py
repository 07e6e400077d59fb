"""A battery killed for real, at random moments, ends in the rows of an unbroken one."""

import os
import random
import signal
import subprocess
import sys
import time

import torch

from seatbelt_vae.attacks import run_battery
from seatbelt_vae.runs import RunFolder, read_rows, read_tensors
from tests.attacks.battery_runs import CONFIG, make_run, sprites
from tests.conftest import ROOT

KILLS = 3


def start(folder):
    command = [sys.executable, "-m", "tests.attacks.battery_runs", str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment)


def test_killed_again_and_again_equals_uninterrupted(tmp_path):
    make_run(tmp_path / "whole")
    make_run(tmp_path / "killed")
    assert start(tmp_path / "whole").wait() == 0
    moments = random.Random(0)
    battery = tmp_path / "killed" / "attacks" / "latent-kl-strong"
    for _ in range(KILLS):
        process = start(tmp_path / "killed")
        done = len(list(battery.glob("pair-*.parquet")))
        while process.poll() is None and len(list(battery.glob("pair-*.parquet"))) == done:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.1))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
    assert start(tmp_path / "killed").wait() == 0
    whole = tmp_path / "whole" / "attacks" / "latent-kl-strong"
    assert read_rows(battery, "pair-*.parquet") == read_rows(whole, "pair-*.parquet")
    for path in whole.glob("pair-*.safetensors"):
        mine, theirs = read_tensors(battery / path.name), read_tensors(path)
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_a_truncated_pair_is_named_and_can_be_made_again(tmp_path):
    run = make_run(tmp_path / "run")
    folder = run_battery(run, sprites(), CONFIG)
    rows = read_rows(folder, "pair-*.parquet")
    part = folder / "pair-0001.parquet"
    part.unlink()
    run_battery(RunFolder.open(run.path), sprites(), CONFIG)
    assert read_rows(folder, "pair-*.parquet") == rows
