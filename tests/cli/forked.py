"""A command in a process of the fork server: the start of an interpreter takes 3 s."""

import os
import sys
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from seatbelt_vae.cli import main
from tests.faults.killing import started

__all__ = ["run_command", "started_command"]


def started_command(words: Sequence[str], folder: Path, out: Path, err: Path) -> ForkServerProcess:
    """The command in a folder, with its output and its error messages in files."""
    return started(run_command, (words, folder, out, err))


def run_command(words: Sequence[str], folder: Path, *streams: Path) -> None:
    """Run the command and exit."""
    os.chdir(folder)
    for number, path in enumerate(streams, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.exit(main(words))
