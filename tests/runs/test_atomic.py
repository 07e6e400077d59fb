"""What is on disk is whole: after a full disk, after a kill, after an error."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs import atomic_directory, atomic_write

LIMIT = 64 * 1024
FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs import atomic_directory, atomic_write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
target = Path(sys.argv[1])
try:
    {action}
except ArtifactError as error:
    print(error)
"""
WRITE_FILE = "atomic_write(target, b'new' * {limit})"
WRITE_DIRECTORY = """
    with atomic_directory(target) as folder:
        (folder / 'small').write_bytes(b'small')
        (folder / 'large').write_bytes(b'new' * {limit})
"""
KILLED_WRITING = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # the kernel kills within write()
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
"""
KILLED_SYNCING = """
import os, signal
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
"""
KILLED_RENAMING = """
import os, signal
from pathlib import Path
Path.replace = Path.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""
WRITER = """
import sys
from pathlib import Path
from seatbelt_vae.runs import atomic_directory, atomic_write
target = Path(sys.argv[1])
{action}
"""


def _on_a_full_disk(action: str, target: Path) -> str:
    program = FULL_DISK.format(limit=LIMIT, action=action.format(limit=LIMIT).strip())
    command = [sys.executable, "-c", program, str(target)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_write_makes_its_folder_and_leaves_one_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    atomic_write(path, b"one")
    atomic_write(path, b"two")
    assert path.read_bytes() == b"two"
    assert _names(path.parent) == ["file"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    assert _on_a_full_disk(WRITE_FILE, path) == (
        f"cannot write {path}: File too large; any earlier file is unchanged, free some space "
        f"or choose another folder"
    )
    assert path.read_bytes() == b"old"
    assert _names(tmp_path) == ["file"]


def test_a_full_disk_leaves_no_part_of_a_directory(tmp_path: Path) -> None:
    path = tmp_path / "step-1"
    assert f"cannot write {path}: File too large" in _on_a_full_disk(WRITE_DIRECTORY, path)
    assert _names(tmp_path) == []


@pytest.mark.parametrize(
    "moment",
    [KILLED_WRITING, KILLED_SYNCING, KILLED_RENAMING],
    ids=["writing", "syncing", "renaming"],
)
@pytest.mark.parametrize("action", [WRITE_FILE, WRITE_DIRECTORY], ids=["file", "directory"])
def test_a_kill_leaves_what_was_there(moment: str, action: str, tmp_path: Path) -> None:
    path = tmp_path / "target"
    if action == WRITE_FILE:
        path.write_bytes(b"old")
    program = (moment + WRITER.replace("{action}", action.strip())).format(limit=LIMIT)
    killed = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert -killed.returncode in (signal.SIGKILL, signal.SIGXFSZ)
    if action == WRITE_FILE:
        assert path.read_bytes() == b"old"
        atomic_write(path, b"after the kill")
        assert path.read_bytes() == b"after the kill"
    else:
        assert not path.exists()
        with atomic_directory(path) as folder:
            (folder / "after").write_bytes(b"the kill")
        assert _names(path) == ["after"]


def test_a_file_in_the_way_of_a_folder_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    for path in (tmp_path / "taken" / "file", tmp_path / "taken" / "deep" / "file"):
        with pytest.raises(ArtifactError, match=r"^cannot write .*; any earlier file is"):
            atomic_write(path, b"data")
        with (
            pytest.raises(ArtifactError, match=r"^cannot write .*; any earlier file is"),
            atomic_directory(path),
        ):
            pass


def test_a_directory_in_the_place_of_the_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(ArtifactError, match="taken: Is a directory; any earlier file"):
        atomic_write(tmp_path / "taken", b"data")
    assert _names(tmp_path) == ["taken"]


@pytest.mark.parametrize("path", [Path(), Path("/")])
def test_a_path_without_a_name_is_one_clear_error(path: Path) -> None:
    reason = f"^cannot write {path}: the path has no last name; give another path$"
    with pytest.raises(ArtifactError, match=reason):
        atomic_write(path, b"data")
    with pytest.raises(ArtifactError, match=reason), atomic_directory(path):
        pass


def test_a_directory_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "step-1"
    with atomic_directory(path) as folder:
        (folder / "a").write_bytes(b"1")
        assert not path.exists()
    assert _names(path) == ["a"]
    assert _names(path.parent) == ["step-1"]


def test_an_error_in_the_block_passes_through_and_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with atomic_directory(tmp_path / "step-1") as folder:
            (folder / "a").write_bytes(b"1")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    assert _names(tmp_path) == []


def test_what_a_killed_writer_left_is_not_in_the_next_one(tmp_path: Path) -> None:
    left = tmp_path / f".step-1.{os.getpid()}.tmp"
    left.mkdir()
    (left / "stale").write_bytes(b"")
    with atomic_directory(tmp_path / "step-1") as folder:
        (folder / "a").write_bytes(b"1")
    assert _names(tmp_path / "step-1") == ["a"]


def test_a_full_directory_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "step-1"
    path.mkdir()
    (path / "old").write_bytes(b"old")
    with (
        pytest.raises(ArtifactError, match="step-1: Directory not empty; any earlier file"),
        atomic_directory(path) as folder,
    ):
        (folder / "new").write_bytes(b"new")
    assert _names(path) == ["old"]
    assert _names(tmp_path) == ["step-1"]
