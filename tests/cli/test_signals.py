"""Signals received by a command."""

import signal

import pytest

from seatbelt_vae.cli.signals import Interrupted, terminable


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
