"""Training killed at random moments ends in the weights of an uninterrupted run."""

import errno
import os
import re
import resource
import signal
import stat

import pytest

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs import RunFolder, read_rows
from seatbelt_vae.training import train
from tests.faults.killing import in_process, killed_until_done
from tests.training import small


def result(path):
    """The bytes of the weights, and every row of the metrics."""
    return (path / "model.safetensors").read_bytes(), read_rows(path / "metrics")


@pytest.mark.parametrize(("preset", "seed"), [("vae", 0), ("seatbelt", 1)])
def test_killed_again_and_again_equals_uninterrupted(tmp_path, preset, seed):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    settings = small.config(preset, steps=400, checkpoint_every=4)
    for path in (whole, killed):
        RunFolder.create(path, settings)
    in_process(small.train_in_process, whole)
    checkpoints = killed / "checkpoints"

    def begun():
        return (killed / "model.json").exists()

    def saving():
        return any(checkpoints.glob(".step-*.tmp"))

    def saved():
        return sorted(path.name for path in checkpoints.glob("step-*"))

    def measured():
        return len(list((killed / "metrics").glob("part-*.parquet")))

    killed_until_done(
        small.train_in_process,
        killed,
        moments=[begun, saved, saving, measured, saved, saving, measured],
        seed=seed,
    )
    assert result(killed) == result(whole)
    assert not list(checkpoints.glob(".step-*"))


def test_full_disk_keeps_the_last_checkpoint_and_the_run_goes_on(tmp_path):
    run = small.trained(tmp_path / "run", small.config(), stop=small.stopped_after(14))
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
    whole = small.trained(tmp_path / "whole", small.config())
    assert result(run.path) == result(whole.path)


def test_a_disk_that_fills_at_any_write_loses_nothing(tmp_path, monkeypatch):
    settings = small.config(steps=25)
    run = RunFolder.create(tmp_path / "run", settings)
    sync, left, messages = os.fsync, 0, []

    def full(descriptor):
        nonlocal left
        left -= stat.S_ISREG(os.fstat(descriptor).st_mode)
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        while not (run.path / "model.safetensors").exists():
            left = len(messages)
            try:
                train(run, small.points())
            except ArtifactError as error:
                messages.append(str(error))
            assert not list(run.path.rglob("*.tmp"))
    assert len(messages) > 5
    for message in messages:
        assert re.fullmatch(
            r"cannot write \S+: No space left on device; any earlier file .*", message
        )
    whole = small.trained(tmp_path / "whole", settings)
    assert result(run.path) == result(whole.path)
