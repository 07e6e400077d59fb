"""Jobs of a sweep killed in any part end in the results of uninterrupted ones."""

import json
import os
import signal
from dataclasses import replace

import pytest

from seatbelt_vae.config.hardening import HardeningConfig
from seatbelt_vae.sweep import LocalEngine, run_sweep
from seatbelt_vae.workflow import Hardening, carry_out, folder_name, is_done, training_seconds
from tests.faults.killing import in_process, killed_until_done
from tests.sweep import small

# long enough that no kill comes too late
JOB = replace(small.job(steps=60), attacks=(replace(small.ATTACK, pairs=6),))
SUITE = f"attacks/{small.SUITE}"


def do_in_process(folder, job):
    """Do one job; for a process that may be killed."""
    carry_out(folder, job, small.silent, small.never)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The results of an uninterrupted job."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    in_process(do_in_process, folder, JOB)
    return small.made(folder)


def test_killed_in_every_part_it_ends_the_same(whole, tmp_path):
    folder = tmp_path / "run"

    def names(pattern):
        return lambda: sorted(path.name for path in folder.glob(pattern))

    def attempts():
        path = folder / "attempts.json"
        return path.read_text() if path.exists() else ""

    patterns = [
        "checkpoints/step-*",
        "model.safetensors",
        f"{SUITE}/suite.json",
        f"{SUITE}/pair-*.parquet",
        f"{SUITE}/measures/*.parquet",
    ]
    moments = [*map(names, patterns), attempts]
    killed_until_done(do_in_process, folder, JOB, moments=moments, seed=0)
    assert small.made(folder) == whole
    assert small.ends(folder)[-1] == "done"
    assert set(small.ends(folder)[:-1]) == {None}


def test_a_hardening_killed_in_every_part_ends_the_same(whole, tmp_path):
    source = tmp_path / "source"
    in_process(do_in_process, source, small.trained_only(JOB))
    config = HardeningConfig(steps=60, batch_size=32, checkpoint_every=5, threads=1)
    job = replace(JOB, hardening=Hardening(source, config))
    in_process(do_in_process, tmp_path / "hardened", job)
    folder = tmp_path / "run"
    moments = [
        lambda: sorted(path.name for path in folder.glob("hardening/checkpoints/step-*")),
        lambda: (folder / "run.json").exists(),
        lambda: len(list(folder.glob(f"{SUITE}/pair-*.parquet"))),
    ]
    killed_until_done(do_in_process, folder, job, moments=moments, seed=1)
    assert is_done(folder, job)
    found = small.made(folder)
    assert found == small.made(tmp_path / "hardened")
    assert found["weights"] != whole["weights"]
    times = [training_seconds(place) for place in (source, folder)]
    assert times[1] > times[0] > 0


class Killer:
    """Kills the process of a job at the first progress message of each of some parts.

    Args:
        out: folder of the runs.
        parts: of each job, by its label.
    """

    def __init__(self, out, parts):
        self.out, self.parts = out, {label: list(named) for label, named in parts.items()}

    def __call__(self, news):
        waiting = self.parts.get(news.job, [])
        if waiting and news.what == waiting[0]:
            waiting.pop(0)
            (path,) = self.out.glob(f"{news.job}-*/attempts.json")
            os.kill(json.loads(path.read_text())[-1]["process"], signal.SIGKILL)


def test_a_killed_worker_is_replaced(whole, tmp_path):
    jobs = {
        label: replace(JOB, run=replace(JOB.run, training=replace(JOB.run.training, seed=seed)))
        for seed, label in enumerate(("train", "attack", "let be"))
    }
    killer = Killer(tmp_path, {"train": ["training"], "attack": ["attacking"]})
    result = run_sweep(tmp_path, jobs, engine=LocalEngine(jobs=2), on_progress=killer)
    assert result.failures == {}
    assert {label: small.ends(run.path) for label, run in result.runs.items()} == {
        "train": [None, "done"],
        "attack": [None, "done"],
        "let be": ["done"],
    }
    assert small.made(result.runs["train"].path) == whole


def test_a_worker_that_is_always_killed_is_given_up(tmp_path):
    long = small.trained_only(small.job(steps=5000))
    short = small.trained_only(small.job(seed=1))
    killer = Killer(tmp_path, {"long": ["training"] * 9})
    result = run_sweep(
        tmp_path, {"long": long, "short": short}, engine=LocalEngine(jobs=1), on_progress=killer
    )
    assert result.failures == {
        "long": "its process was killed 3 times (SIGKILL): if memory is short, run the same "
        "command again with fewer jobs at a time"
    }
    folder = tmp_path / folder_name("long", long)
    assert small.ends(folder) == [None] * 3
    assert not is_done(folder, long)
    assert list(result.runs) == ["short"]
