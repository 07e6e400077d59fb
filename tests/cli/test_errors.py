"""Every error is one line on stderr with exit code 2, and writes no files."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from seatbelt_vae.cli import main
from seatbelt_vae.config import RunConfig
from seatbelt_vae.runs import RunFolder

from .conftest import Outcome, Run

ARGUMENTS = [
    "",
    "tran runs/x",
    "--verbose",
    "train",
    "train runs/x runs/y",
    "train runs/x --betta 10",
    "train runs/x --beta",
    "train runs/x --beta ten",
    "train runs/x --depth 1.5",
    "train runs/x --network cnn",
    "train runs/x --latent-sizes 24,12",
    "train runs/x --preset sealbelt",
    "train runs/x --preset vae --beta 4 --data swiss-roll --network mlp",
    "train runs/x --beta -1",
    "train runs/x --depth 9 --data swiss-roll --network mlp",
    "train runs/x --depth 2 --latent-sizes 24 12 6",
    "train runs/x --data swiss-roll",
    "train runs/x --data swiss-roll --network mlp --images 10",
    "train runs/x --data dspites",
    "train runs/x --data dsprites --root nowhere",
    "train runs/x --config nowhere.toml",
    "train runs/x --resume",
    "attack",
    "attack runs/x",
    "attack runs/x --beta 4",
    "attack runs/x --loss output --layers top",
    "attack runs/x --path sampled",
    "attack runs/x --pairs 0",
    "evaluate runs/x --images -1",
    "evaluate runs/x --max-chains 1",
    "evaluate runs/x --optional-metrics denoising mgi",
    "report",
    "report runs/x",
    "compare",
    "compare runs/x",
    "results",
    "results FROM --runs nowhere",
    "results --csv",
    "results FROM --csv --json",
    "results FROM --out rows.csv",
    "results FROM --export x",
    "reproduce",
    "reproduce fig9",
    "reproduce fig5 --roots faces",
    "reproduce fig5 --roots face=there",
    "reproduce fig5 --roots faces=here faces=there",
    "reproduce fig5 --jobs 0",
    "reproduce fig5 --gate --estimate",
    "reproduce defences --gate",
    "reproduce fig5 --address host:1",
    "claims",
    "claims nowhere",
    "share runs/x",
    "share runs/x shared",
    "share runs/x shared --private",
    "share runs/x shared --push belt",
    "data",
    "data chek",
    "data check",
    "data check celebA",
    "demo --step 3",
    "demo --steps 0",
]


def one_line(outcome: Outcome) -> str:
    """The error, checked to be one line."""
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("seatbelt-vae: error: ")
    assert outcome.err.count("\n") == 1
    return outcome.err.removesuffix("\n")


@pytest.mark.parametrize("line", ARGUMENTS)
def test_bad_arguments(line: str, run: Run, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    assert one_line(run(line)) == snapshot
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("not-toml", "beta = = 3"),
        ("unknown-key", "[objective]\nbetta = 3.0\n"),
        ("wrong-type", "[objective]\nbeta = 'ten'\n"),
        ("not-allowed", "[objective]\nbeta = -3.0\n"),
    ],
)
def test_corrupt_settings_file(
    name: str, content: str, run: Run, tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    Path(tmp_path / f"{name}.toml").write_text(content)
    assert one_line(run(f"train runs/x --config {name}.toml")) == snapshot
    assert not (tmp_path / "runs").exists()


class TestFolders:
    """Existing files are not overwritten."""

    def test_of_another_version(
        self, run: Run, tmp_path: Path, snapshot: SnapshotAssertion
    ) -> None:
        RunFolder(tmp_path / "x").write_json("run.json", {"format": 99, "kind": "run"})
        assert one_line(run("attack x")) == snapshot

    def test_corrupt(self, run: Run, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
        (tmp_path / "x").mkdir()
        (tmp_path / "x" / "run.json").write_text("{")
        assert one_line(run("report x")) == snapshot

    @pytest.mark.parametrize("name", ["x", "n" * 300])
    def test_that_cannot_be_read_by_the_parser(
        self, name: str, run: Run, tmp_path: Path, snapshot: SnapshotAssertion
    ) -> None:
        (tmp_path / "x" / "run.json").mkdir(parents=True)
        assert one_line(run(f"train {name} --resume")) == snapshot

    def test_of_data_whose_name_settings_cannot_hold(
        self, run: Run, tmp_path: Path, snapshot: SnapshotAssertion
    ) -> None:
        (tmp_path / "\udcff").mkdir()
        for data in ("folder --root \udcff", "hf:\udcff"):
            assert one_line(run(f"train x --data {data}")) == snapshot
        assert not (tmp_path / "x").exists()

    def test_occupied(self, run: Run, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
        (tmp_path / "x").mkdir()
        (tmp_path / "x" / "thesis.tex").write_text("mine")
        assert one_line(run("train x --data swiss-roll --network mlp")) == snapshot
        assert [path.name for path in (tmp_path / "x").iterdir()] == ["thesis.tex"]

    def test_occupied_by_something_that_is_no_demo(
        self, run: Run, tmp_path: Path, snapshot: SnapshotAssertion
    ) -> None:
        (tmp_path / "x").mkdir()
        (tmp_path / "x" / "thesis.tex").write_text("mine")
        assert one_line(run("demo --out x")) == snapshot
        assert [path.name for path in (tmp_path / "x").iterdir()] == ["thesis.tex"]

    def test_demo_with_other_settings(
        self, run: Run, tmp_path: Path, snapshot: SnapshotAssertion
    ) -> None:
        RunFolder.create(tmp_path / "x" / "vae", RunConfig())
        assert one_line(run("demo --out x")) == snapshot

    def test_attack_before_train(
        self, run: Run, tmp_path: Path, snapshot: SnapshotAssertion
    ) -> None:
        RunFolder.create(tmp_path / "x", RunConfig())
        assert one_line(run("attack x")) == snapshot

    def test_resume_with_other_settings(
        self, run: Run, tmp_path: Path, snapshot: SnapshotAssertion
    ) -> None:
        RunFolder.create(tmp_path / "x", RunConfig())
        assert one_line(run("train x --resume --steps 7 --quiet")) == snapshot


def test_full_disk(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert one_line(run("data prepare swiss-roll --sheet sheet.png")) == snapshot
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_the_same_line_on_every_terminal(encoding: str, tmp_path: Path) -> None:
    """The error does not depend on the width of the terminal."""
    command = [sys.executable, "-m", "seatbelt_vae", "train", "x", "--network", "cnn"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "40"}
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr == (
        "seatbelt-vae: error: --network is 'cnn', expected one of 'conv', 'mlp', 'lipschitz'; "
        "see seatbelt-vae train --help\n"
    )


def test_the_unexpected_keeps_its_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seatbelt_vae.data.list_sets", None)
    with pytest.raises(TypeError):
        run("data list")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("seatbelt-vae 0.")


@pytest.mark.parametrize("verb", ["train --help", "data list"])
def test_a_reader_who_leaves_is_no_error(verb: str) -> None:
    command = [sys.executable, "-m", "seatbelt_vae", *verb.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 128 + signal.SIGPIPE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
@pytest.mark.parametrize("line", ["data list", "--version", "train --help"])
def test_output_to_a_full_disk(line: str) -> None:
    command = [sys.executable, "-m", "seatbelt_vae", *line.split()]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("seatbelt-vae: error: ")
    assert ended.stderr.endswith("put: No space left on device\n")
    assert ended.stderr.count("\n") == 1


def test_a_user_without_a_home_folder(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: object) -> None:
        raise KeyError("getpwuid(): uid not found")

    for name in ("HOME", "XDG_CACHE_HOME", "SEATBELT_CACHE", "USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert one_line(run("data prepare dsprites --image-size 8")) == (
        "seatbelt-vae: error: this user has no home folder for cache files: set SEATBELT_CACHE to "
        "a folder"
    )
    assert run("data prepare swiss-roll").code == 0
    monkeypatch.setenv("SEATBELT_CACHE", "cache")
    assert run("data list").code == 0
    unknown_home = "no home folder of that user is known; give the whole path"
    for name in ("hf:~/copy", "~/own.py:data"):
        path = name.removeprefix("hf:").removesuffix(":data")
        assert one_line(run(f"data check {name}")).endswith(f" {path}: {unknown_home}")
    monkeypatch.setenv("HF_HOME", "~/hub")
    assert f"~/hub/datasets: {unknown_home}" in one_line(run("data check hf:ylecun/mnist"))


def test_a_grid_file_as_windows_names_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "GRID.TOML").write_text("[vary]\nobjective.betta = [1]\n")
    assert "GRID.TOML: vary: unknown setting 'objective.betta'" in one_line(run("sweep GRID.TOML"))
