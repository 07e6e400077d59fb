"""Signals received by a command."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seatbelt_vae.cli.signals import Interrupted, stoppable, terminable
from seatbelt_vae.parallel.operating_system import STOP_SIGNALS

OTHERS = [number for number in STOP_SIGNALS if number != signal.SIGINT]


def test_sigterm_differs_from_ctrl_c_if_a_library_raises_keyboard_interrupt() -> None:
    """Ray raises a plain KeyboardInterrupt for both signals."""
    with pytest.raises(Interrupted) as caught, terminable():
        passed_on(signal.SIGTERM)
    assert caught.value.code == 128 + signal.SIGTERM


def passed_on(number: signal.Signals) -> None:
    try:
        signal.raise_signal(number)
    except KeyboardInterrupt:
        raise KeyboardInterrupt from None


def test_ctrl_c_stays_what_it_is() -> None:
    with pytest.raises(KeyboardInterrupt) as caught, terminable():
        signal.raise_signal(signal.SIGINT)
    assert type(caught.value) is KeyboardInterrupt


def test_the_handler_before_is_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with terminable():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("number", OTHERS)
def test_a_second_signal_does_not_interrupt_the_clean_up(number: signal.Signals) -> None:
    """SLURM warns before it terminates, and a closed terminal may send SIGHUP twice."""
    cleaned: list[bool] = []
    with pytest.raises(Interrupted) as caught, terminable():
        clean_up_after(number, cleaned)
    assert cleaned == [True]
    assert caught.value.code == 128 + number


def clean_up_after(number: signal.Signals, cleaned: list[bool]) -> None:
    try:
        signal.raise_signal(number)
    finally:
        signal.raise_signal(number)
        signal.raise_signal(signal.SIGTERM)
        cleaned.append(True)


@pytest.mark.parametrize("number", OTHERS)
def test_only_a_second_ctrl_c_cuts_a_checkpoint_short(number: signal.Signals) -> None:
    for second, saves in ((number, True), (signal.SIGTERM, True), (signal.SIGINT, False)):
        saved: list[bool] = []
        with pytest.raises(Interrupted) as caught, stoppable() as stop:
            save_after(number, second, stop, saved)
        assert bool(saved) == saves
        assert caught.value.code == 128 + (number if saves else second)


def save_after(
    number: signal.Signals, second: signal.Signals, stop: Callable[[], bool], saved: list[bool]
) -> None:
    assert not stop()
    signal.raise_signal(number)
    assert stop()
    signal.raise_signal(second)
    saved.append(True)


def test_signals_that_the_process_ignores_stay_ignored() -> None:
    """``nohup`` starts a command that ignores SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with terminable(), stoppable() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_closed_terminal_loses_no_step(tmp_path: Path) -> None:
    """The kernel sends SIGHUP, and every write to the terminal fails from then on."""
    terminal, its_end = os.openpty()
    command = [
        *(sys.executable, "-m", "seatbelt_vae", "train", "x", "--data", "swiss-roll"),
        *("--network", "mlp", "--steps", "100000", "--checkpoint-every", "100000"),
        *("--images", "600", "--batch-size", "32", "--latent-sizes", "2", "--features", "8"),
    ]
    program = (
        "import fcntl, os, sys, termios\n"
        "os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, *command],
        cwd=tmp_path,
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
    ) as process:
        os.close(its_end)
        shown = b""
        while b"ELBO" not in shown:
            shown += os.read(terminal, 4096)
        os.close(terminal)
        assert process.wait() == 128 + signal.SIGHUP
    assert (tmp_path / "x" / "checkpoints" / "latest").exists()
