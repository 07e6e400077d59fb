"""A second process is kept out of a folder and told of the first."""

import errno
import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.parallel import sole_worker as module
from seatbelt_vae.parallel.sole_worker import sole_worker

HOLD = """
import sys
from pathlib import Path
from seatbelt_vae.parallel.sole_worker import sole_worker
with sole_worker(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


def holding(folder: Path, activity: str = "training") -> "subprocess.Popen[str]":
    """A process that works in the folder until its input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), activity],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_process_is_told_of_the_first(tmp_path: Path) -> None:
    with holding(tmp_path) as first:
        owner = json.loads((tmp_path / ".training").read_text())
        assert (owner["host"], owner["process"]) == (socket.gethostname(), first.pid)
        with pytest.raises(ArtifactError) as caught, sole_worker(tmp_path, "training"):
            pytest.fail("two processes at once")
        assert str(caught.value) == (
            f"another process is training {tmp_path}: process {first.pid} on "
            f"{socket.gethostname()}, since {owner['began']}; wait until it ends, or stop it"
        )
        with sole_worker(tmp_path, "evaluating"):
            pass
        first.communicate("")
    assert not list(tmp_path.iterdir())


def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    with holding(tmp_path) as first:
        first.kill()
    assert (tmp_path / ".training").exists()
    with sole_worker(tmp_path, "training"):
        assert json.loads((tmp_path / ".training").read_text())["process"] == os.getpid()
    assert not list(tmp_path.iterdir())


def test_another_host_is_named_with_the_delay_of_its_file_server(tmp_path: Path) -> None:
    with holding(tmp_path) as first:
        owner = {"host": "node7", "process": 12, "began": "2026-01-01 00:00:00+00:00"}
        (tmp_path / ".training").write_text(json.dumps(owner))
        with pytest.raises(ArtifactError, match="process 12 on node7, since 2026-01-01") as caught:
            sole_worker(tmp_path, "training").__enter__()
        assert str(caught.value).endswith("its file server releases the lock within minutes")
        (tmp_path / ".training").write_text("")
        with pytest.raises(ArtifactError, match=r"another process is training .*: wait until"):
            sole_worker(tmp_path, "training").__enter__()
        first.communicate("")


def test_a_disk_without_record_locks_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none(*_: object) -> bool:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(module, "try_lock", none)
    with caplog.at_level(logging.WARNING), sole_worker(tmp_path, "training"):
        pass
    assert "no second process is noticed" in caplog.text


def test_a_file_deleted_by_its_last_owner_is_locked_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, calls = module.try_lock, []

    def late(*arguments: object) -> bool:
        if not calls:
            (tmp_path / ".training").unlink()
        calls.append(arguments)
        return lock(*arguments)

    monkeypatch.setattr(module, "try_lock", late)
    with sole_worker(tmp_path, "training"):
        assert (tmp_path / ".training").exists()
    assert len(calls) == 2
