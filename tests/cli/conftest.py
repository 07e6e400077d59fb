"""Fixtures of the command-line tests: an empty folder, and a command run in it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from seatbelt_vae.cli import main

__all__ = ["Outcome", "Run"]


@dataclass(frozen=True)
class Outcome:
    """The output and exit code of one command."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder, in this process."""
    monkeypatch.chdir(tmp_path)

    def command(line: str) -> Outcome:
        capsys.readouterr()
        code = main(line.split())
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return command
