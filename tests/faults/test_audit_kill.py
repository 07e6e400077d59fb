"""An audit killed at random moments ends in the rows and the document of an uninterrupted one."""

import errno
import json
import os
import shutil
from contextlib import redirect_stderr
from functools import partial
from pathlib import Path

import pytest

from seatbelt_vae.cli import main
from tests.faults.killing import in_process, killed_until_done

_MODEL = '''
import torch
from torch import nn

class Kept(nn.Module):
    """A map that keeps every distance."""
    def encode(self, x):
        return x.flatten(1).flip(1)
    def decode(self, z):
        return z.flip(1).view(-1, 1, 8, 8)

class Gaussian(Kept):
    """With a posterior of standard deviation 0.1."""
    def encode(self, x):
        mean = super().encode(x)
        return mean, torch.full_like(mean, -4.6)

def images():
    coarse = torch.rand(40, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    return nn.functional.interpolate(coarse, size=(8, 8), mode="bilinear")
'''
_LINE = (
    "audit own.py:Kept --data own.py:images --pairs 12 --losses latent-l2 --gradient-free 0 "
    "--budgets 0.2 --linf-budgets 8 --effort 0.1 --quiet --threads 1"
)
_COMMAND = ("seatbelt-vae", *_LINE.split())
ROOMS = ("rows", "worst", "checks", "universal")


def audit_in_process(place: Path, processes: int = 1) -> int:
    """Run the command in a folder that has the model."""
    place.mkdir(exist_ok=True)
    (place / "own.py").write_text(_MODEL)
    os.chdir(place)
    return main([*_LINE.split(), "--processes", str(processes)])


def audit_of(place: Path) -> Path:
    """The folder of the audit."""
    return place / "runs/own-Kept/audit"


def assert_same(audit: Path, whole: Path) -> None:
    """The bytes of all rows and images are equal, and the documents apart from the way of work.

    That way is the duration and the number of processes.
    """
    for room in ROOMS:
        names = [path.name for path in sorted((whole / room).iterdir())]
        # a killed process may leave a hidden file with a temporary name
        assert names == [path.name for path in sorted((audit / room).glob("[!.]*"))]
        for name in names:
            assert (audit / room / name).read_bytes() == (whole / room / name).read_bytes(), name
    mine, theirs = (json.loads((folder / "audit.json").read_text()) for folder in (audit, whole))
    assert mine.pop("duration_s") >= 0
    assert theirs.pop("duration_s") >= 0
    commands = [document.pop("command").split() for document in (mine, theirs)]
    assert [words[:-1] for words in commands] == [[*_COMMAND, "--processes"]] * 2
    assert mine == theirs


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted audit, made in a process like the killed ones."""
    place = tmp_path_factory.mktemp("audit")
    in_process(audit_in_process, place)
    return audit_of(place)


def test_killed_again_and_again_equals_uninterrupted(tmp_path: Path, whole: Path) -> None:
    audit = audit_of(tmp_path / "killed")

    def opened() -> bool:
        return (audit / "about.json").exists()

    def files() -> int:
        return sum(1 for room in ROOMS[:3] for _ in (audit / room).glob("pair-*"))

    def universal() -> int:
        return len(list((audit / "universal").glob("*.safetensors")))

    killed_until_done(
        audit_in_process,
        tmp_path / "killed",
        moments=[opened, files, files, files, universal],
        seed=0,
    )
    assert_same(audit, whole)


def test_two_killed_processes_of_one_command(tmp_path: Path, whole: Path) -> None:
    audit = audit_of(tmp_path)
    moments = [(audit / name).exists for name in ("about.json", "rows")]
    # the helpers, which end after the pairs at hand, may still be at work
    killed_until_done(audit_in_process, tmp_path, 2, moments=moments, seed=1)
    assert_same(audit, whole)


@pytest.mark.parametrize("flags", ["--with averaging:2", "--try-defences"])
def test_a_killed_audit_of_a_defence_equals_an_uninterrupted_one(
    flags: str, tmp_path: Path
) -> None:
    place, whole = tmp_path / "killed", tmp_path / "whole"
    audits = {"--with averaging:2": ["audit"]}.get(
        flags, ["audit", "defences/averaging-8/audit", "defences/self-denoising-1/audit"]
    )

    def files(audit: str) -> int:
        return len(list((audit_of(place).parent / audit / "worst").glob("pair-*.parquet")))

    # one kill an audit: these are so short that a late kill may already find the next part
    moments = [partial(files, audit) for audit in audits]
    killed_until_done(_audit_of_a_defence, place, flags, moments=moments, seed=0)
    in_process(_audit_of_a_defence, whole, flags)
    mine, theirs = ([audit_of(p).parent / audit for audit in audits] for p in (place, whole))
    for killed, uninterrupted in zip(mine, theirs, strict=True):
        for room in ROOMS:
            files_of = [sorted((a / room).glob("[!.]*")) for a in (killed, uninterrupted)]
            names = [[path.name for path in paths] for paths in files_of]
            assert names[0] == names[1]
            assert all(a.read_bytes() == b.read_bytes() for a, b in zip(*files_of, strict=True))
        documents = [json.loads((a / "audit.json").read_text()) for a in (killed, uninterrupted)]
        for found in documents:
            found.pop("duration_s")
            if (defence := found.get("defence")) is not None:
                assert defence.pop("cost") > 0  # a ratio of durations
        assert documents[0] == documents[1]


def _audit_of_a_defence(place: Path, flags: str) -> None:
    """Run a short audit with a defence in a folder that has the model."""
    place.mkdir(exist_ok=True)
    (place / "own.py").write_text(_MODEL)
    os.chdir(place)
    line = _LINE.replace("12", "3")
    line = line.replace("Kept", "Gaussian")
    flags = f"{flags} --processes 1 --out {audit_of(Path()).parent}"
    # 2: with so little effort a flag may withhold the verdict
    assert main([*line.split(), *flags.split()]) in (0, 2)


@pytest.fixture
def copied(tmp_path: Path, whole: Path) -> Path:
    """A copy of the place of the uninterrupted audit."""
    return Path(shutil.copytree(whole.parents[2], tmp_path / "copied"))


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        ("worst/pair-00001.parquet", "a whole Parquet file"),
        ("checks/pair-00003.parquet", "a whole Parquet file"),
        ("worst/pair-00002.safetensors", "is damaged"),
        ("universal/l2.json", "is not valid JSON"),
        ("about.json", "is not valid JSON"),
    ],
)
def test_a_damaged_part_is_named_and_can_be_made_again(
    file: str, fault: str, copied: Path, whole: Path
) -> None:
    part = audit_of(copied) / file
    part.write_bytes(part.read_bytes()[:-50])
    in_process(_stopped_by_an_error, copied)
    (line,) = (copied / "error.txt").read_text().splitlines()
    assert f"audit/{file}" in line
    assert fault in line
    assert any(word in line for word in ("move it away", "restore or remake it"))
    part.unlink()
    in_process(audit_in_process, copied)
    assert_same(audit_of(copied), whole)


def _stopped_by_an_error(place: Path) -> None:
    """Run the command, whose error goes into a file."""
    with (place / "error.txt").open("w") as file, redirect_stderr(file):
        assert audit_in_process(place) == 2


def test_a_full_disk_keeps_the_pairs_done(tmp_path: Path, whole: Path) -> None:
    audit = audit_of(tmp_path)
    for full_at in ("about.json", "pair-00000.safetensors", "pair-00007.parquet", "l2.json"):
        in_process(_on_a_full_disk, tmp_path, full_at)
        assert not list(audit.rglob(".*.tmp"))
    assert len(list((audit / "rows").glob("*.parquet"))) == 12
    in_process(audit_in_process, tmp_path)
    assert_same(audit, whole)


def _on_a_full_disk(place: Path, full_at: str) -> None:
    """Run the command while one file cannot be written."""
    write = os.fsync

    def full(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name.startswith(f".{full_at}."):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(descriptor)

    os.fsync = full
    assert audit_in_process(place) == 2


def test_an_audit_of_another_version_is_refused(copied: Path) -> None:
    path = audit_of(copied) / "about.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 99, "digest": "?"}))
    in_process(_stopped_by_an_error, copied)
    (line,) = (copied / "error.txt").read_text().splitlines()
    assert "holds an audit by version 99 of the attack, this version is 4: give another" in line
