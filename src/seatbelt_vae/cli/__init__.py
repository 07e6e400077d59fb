"""The command line: parse, call, print.

Exit codes: 0 done; 2 bad input or a full disk, with one line on stderr; 130 interrupted (143 when
terminated), with how to resume; 141 where nobody reads the output any more; anything unexpected is
a traceback and 1.
"""

import io
import os
import sys
from collections.abc import Sequence

from seatbelt_vae import __version__
from seatbelt_vae.cli.options import (
    Attack,
    Claims,
    Compare,
    Data,
    Demo,
    Evaluate,
    Report,
    Reproduce,
    Results,
    Share,
    Sweep,
    Train,
    Verb,
)
from seatbelt_vae.cli.parsing import parse
from seatbelt_vae.cli.signals import Interrupted, terminable
from seatbelt_vae.cli.together import first_speaks
from seatbelt_vae.errors import SeatbeltError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # β and × where the terminal has them
    try:
        with first_speaks():
            return _main(sys.argv[1:] if arguments is None else list(arguments))
    except BrokenPipeError:
        # who read the output has read enough; what is left of it must not be flushed at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # 128 + SIGPIPE, which Windows does not define


def _main(given: list[str]) -> int:
    if given == ["--version"]:
        print(f"seatbelt-vae {__version__}")
        return 0
    try:
        return _resumable(parse(given))
    except SeatbeltError as error:
        return _fail(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        return _fail(f"{error.filename or 'input or output'}: {error.strerror or error}")


def _resumable(options: Verb) -> int:
    try:
        with terminable():
            _run(options)
            return 0
    except KeyboardInterrupt as interruption:
        print(f"seatbelt-vae: interrupted; {options.to_resume}", file=sys.stderr)
        return interruption.code if isinstance(interruption, Interrupted) else 130


def _fail(message: str) -> int:
    print(f"seatbelt-vae: error: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _run(options: Verb) -> None:
    match options:
        case Train():
            from seatbelt_vae.cli import train

            train.run(options)
        case Sweep():
            from seatbelt_vae.cli import sweep

            sweep.run(options)
        case Attack():
            from seatbelt_vae.cli import attack

            attack.run(options)
        case Evaluate():
            from seatbelt_vae.cli import evaluate

            evaluate.run(options)
        case Report():
            from seatbelt_vae.cli import report

            report.run(options)
        case Compare():
            from seatbelt_vae.cli import compare

            compare.run(options)
        case Results():
            from seatbelt_vae.cli import results

            results.run(options)
        case Reproduce():
            from seatbelt_vae.cli import reproduce

            reproduce.run(options)
        case Claims():
            from seatbelt_vae.cli import reproduce

            reproduce.run_claims(options)
        case Share():
            from seatbelt_vae.cli import share

            share.run(options)
        case Data():
            from seatbelt_vae.cli import data

            data.run(options)
        case Demo():
            from seatbelt_vae.cli import demo

            demo.run(options)
