"""Completion of the command line in the shells themselves."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from seatbelt_vae.cli import main
from seatbelt_vae.cli.completion import completed_parser
from seatbelt_vae.cli.parsing import VERBS

from .conftest import Run

EVERY = [*(verb for verb in VERBS if verb != "data"), "data list", "data prepare", "data check"]

TYPED = {
    "tra": "train",
    "data li": "data list",
    "train r --prese": "train r --preset",
    "train r --preset beta-t": "train r --preset beta-tcvae",
    "train --data swi": "train --data swiss-roll",
    "attack zoo:faces-v": "attack zoo:faces-vae",
    "attack some-r": "attack some-runs",
    "audit x --with hm": "audit x --with hmc",
    "attack x --threat lin": "attack x --threat linf",
    "report a some-r": "report a some-runs",
    "completion fi": "completion fish",
}
"""What is typed before TAB, and the line after it; some-runs is a folder."""

SECOND_VALUE = {
    "evaluate x --optional-metrics mig den": "evaluate x --optional-metrics mig denoising"
}
"""bash completes all values of a flag, zsh and fish the first."""

START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
SETUP = {
    "bash": "source ./script; bind 'set bell-style none'",
    "zsh": "fpath=($PWD $fpath); cp script _seatbelt-vae; autoload -U compinit; compinit -u -D",
}


def shell_or_skip(shell: str) -> str:
    found = shutil.which(shell)
    if found is None or sys.platform == "win32":
        pytest.skip(f"{shell} is not on this machine")
    return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "some-runs" / "first").mkdir(parents=True)
    return tmp_path


def typed_in(shell: str, lines: str) -> str:
    """The output of an interactive shell on a terminal, to which ``lines`` are typed."""
    import pty

    terminal, end = pty.openpty()
    child = subprocess.Popen(
        START[shell],
        stdin=end,
        stdout=end,
        stderr=end,
        env={**os.environ, "TERM": "dumb", "HOME": str(Path.cwd()), "PS1": "$ "},
        start_new_session=True,
    )
    os.close(end)
    os.write(terminal, lines.encode())
    shown = bytearray()
    with suppress(OSError):  # Linux: the shell has ended
        while block := os.read(terminal, 4096):
            shown += block
    os.close(terminal)
    assert child.wait() == 0
    return shown.decode(errors="replace")


@pytest.mark.parametrize("shell", START)
def test_a_line_is_completed_as_it_is_typed(shell: str, place: Path, run: Run) -> None:
    shell_or_skip(shell)
    (place / "script").write_text(run(f"completion {shell}").out)
    asked = TYPED | SECOND_VALUE if shell == "bash" else TYPED
    lines = [SETUP[shell], "seatbelt-vae() { printf 'GOT<%s>' \"$*\"; echo; }"]
    lines += [f"seatbelt-vae {typed}\t" for typed in asked]
    shown = typed_in(shell, "\n".join([*lines, "exit", ""]))
    got = [line.strip(" /") for line in re.findall(r"GOT<([^%>]*)>", shown)]
    assert got == list(asked.values()), shown


def test_fish_offers_each_completion(place: Path, run: Run) -> None:
    fish = shell_or_skip("fish")
    (place / "script").write_text(run("completion fish").out)
    lines = [f"complete -C {shlex.quote('seatbelt-vae ' + typed)}; echo =" for typed in TYPED]
    ended = subprocess.run(
        [fish, "--no-config", "-c", "\n".join(["source script", *lines])],
        env={**os.environ, "HOME": str(place)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == ""
    offered = [
        [line.split("\t")[0].rstrip("/") for line in block.splitlines()]
        for block in ended.stdout.split("=\n")[:-1]
    ]
    for words, full in zip(offered, TYPED.values(), strict=True):
        assert words == [full.split()[-1]]


def parser_of(line: str) -> ArgumentParser:
    parser: Any = completed_parser()
    for word in line.split():
        (verbs,) = (action for action in parser._actions if action.nargs == "A...")
        parser = verbs.choices[word]
    assert isinstance(parser, ArgumentParser)
    return parser


@pytest.mark.parametrize("line", EVERY)
def test_the_flags_are_those_of_the_help(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*line.split(), "--help"])
    shown = capsys.readouterr().out
    completed = parser_of(line)._actions
    flags = {flag for action in completed for flag in action.option_strings}
    assert flags == {"-h", *re.findall(r"(?m)^[ │]*(?:-h, )?(--[a-z][a-z-]+)", shown)}
    usage = " ".join(shown.split("usage:")[1].split("\n\n")[0].split())
    for action in completed:
        if not action.option_strings:
            assert action.dest.replace("_", "-") in usage.lower().replace("_", "-")


def test_another_shell_is_an_error(run: Run) -> None:
    refused = run("completion csh")
    assert refused.code == 2
    assert refused.err == (
        "seatbelt-vae: error: shell is 'csh', expected one of 'bash', 'zsh', 'fish'; see "
        "seatbelt-vae completion --help\n"
    )
