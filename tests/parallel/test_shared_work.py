"""Shared work: every part is done once; the part of a killed process is repeated."""

import errno
import fcntl
import multiprocessing
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.parallel.shared_work import claimed, share_work
from tests.faults.killing import started

PARTS = 12


def share(folder: Path, name: str, seconds: float) -> None:
    """Do slow parts and record the process of each."""

    def work(part: int) -> None:
        with (folder / "log").open("a") as log:
            log.write(f"{name} {part}\n")
        time.sleep(seconds)
        (folder / f"part-{part}").touch()

    def is_done(part: int) -> bool:
        return (folder / f"part-{part}").exists()

    for part, own in share_work(folder / "lock", PARTS, is_done=is_done, work=work):
        with (folder / "told").open("a") as told:
            told.write(f"{name} {part} {own}\n")


def lines(path):
    return [line.split() for line in path.read_text().splitlines()]


def test_several_processes_do_each_part_once_and_all_see_all_done(tmp_path):
    crew = [started(share, (tmp_path, name, 0.05)) for name in "abc"]
    for process in crew:
        process.join()
        assert process.exitcode == 0
    done = lines(tmp_path / "log")
    assert Counter(int(part) for _, part in done) == Counter(range(PARTS))
    assert len({name for name, _ in done}) > 1
    told = lines(tmp_path / "told")
    for name in "abc":
        mine = {int(part): own == "True" for who, part, own in told if who == name}
        assert mine == {part: [name, str(part)] in done for part in range(PARTS)}


def test_what_a_killed_process_had_begun_is_done_by_another(tmp_path):
    killed = started(share, (tmp_path, "killed", 100))
    while not (tmp_path / "log").exists():
        time.sleep(0.01)
    other = started(share, (tmp_path, "other", 0))
    while not (tmp_path / "told").exists() or len(lines(tmp_path / "told")) < PARTS - 1:
        time.sleep(0.01)
    assert other.is_alive()  # waits for the part that is not done
    killed.kill()
    other.join()
    assert other.exitcode == 0
    begun = [int(part) for name, part in lines(tmp_path / "log") if name == "killed"]
    assert len(begun) == 1
    assert Counter(int(part) for _, part in lines(tmp_path / "log"))[begun[0]] == 2


def test_a_part_that_fails_is_free_again(tmp_path):
    def fail(part):
        raise ValueError(part)

    with pytest.raises(ValueError, match="0"):
        list(share_work(tmp_path / "lock", 1, is_done=lambda _: False, work=fail))
    done = set()
    parts = share_work(tmp_path / "lock", 1, is_done=done.__contains__, work=done.add)
    assert list(parts) == [(0, True)]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError) as caught:
        list(share_work(tmp_path / "file" / "x" / "lock", 1, is_done=bool, work=bool))
    assert str(caught.value) == (
        f"cannot write {tmp_path}/file/x/lock: Not a directory; choose a folder that can be written"
    )


def test_a_disk_without_locks_is_named_and_not_waited_for(tmp_path, monkeypatch):
    def lockless(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "lockf", lockless)
    with pytest.raises(ArtifactError) as caught:
        list(share_work(tmp_path / "lock", 1, is_done=lambda _: False, work=bool))
    assert str(caught.value) == (
        f"cannot lock {tmp_path}/lock: No locks available; mount its disk with record locks, or "
        f"choose a folder on another"
    )


def test_a_claim_is_of_one_part_and_ends_with_its_block(tmp_path):
    def others(part):
        with multiprocessing.get_context("forkserver").Pool(1) as pool:
            return pool.apply(claim, (tmp_path / "lock", part))

    with claimed(tmp_path / "lock", 5) as mine:
        assert mine
        assert not others(5)
        assert others(6)
    assert others(5)


def claim(path, part):
    with claimed(path, part) as mine:
        return mine
