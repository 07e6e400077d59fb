"""The command line: parse arguments, call the library, print results.

Exit codes: 0 success; 2 bad input or a full disk, with one line on stderr; 124 the time limit of a
query; 128 + n stopped by signal n, with the command to resume, such as 130 for Ctrl-C and 143 for
SIGTERM; 141 broken pipe; 1 an unexpected error, with a traceback. `audit` has those of `ExitCode`.
"""

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from seatbelt_vae import __version__
from seatbelt_vae.cli.invocation import invoked
from seatbelt_vae.cli.options import Verb
from seatbelt_vae.cli.parsing import parse
from seatbelt_vae.cli.signals import Interrupted, terminable
from seatbelt_vae.cli.torchrun import print_in_first_process
from seatbelt_vae.errors import QueryTimeoutError, SeatbeltError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # characters such as β that the terminal lacks
    try:
        with print_in_first_process():
            code = _main(sys.argv[1:] if arguments is None else list(arguments))
            sys.stdout.flush()
            _end_abandoned_query(code)
            return code
    except BrokenPipeError:
        _discard_output()
        return 141  # 128 + SIGPIPE, which Windows does not define
    except OSError as error:  # a full disk or a closed terminal
        _discard_output()
        return _fail(f"cannot write the output: {error.strerror or error}")


def _discard_output() -> None:
    """Discard the pending output, which Python would flush at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end_abandoned_query(code: int) -> None:
    """End the process at once if DuckDB still computes a query that it cannot stop."""
    interruption = sys.modules.get("seatbelt_vae.results.interruption")
    if interruption is not None and interruption.abandoned():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _main(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        return _version()
    try:
        with invoked(arguments):
            return _resumable(parse(arguments))
    except QueryTimeoutError as error:
        return _fail(str(error), 124)  # as timeout(1)
    except SeatbeltError as error:
        code = _fail(str(error), _code_of(error, arguments))
        for note in getattr(error, "__notes__", ()):
            with suppress(OSError):
                print(f"\n{note}", file=sys.stderr)
        return code
    except BrokenPipeError:
        raise
    except OSError as error:
        return _fail(f"{error.filename or 'input or output'}: {error.strerror or error}")


def _version() -> int:
    """Print the version, and on stderr a notice if the compiled kernels are not used."""
    from seatbelt_vae.kernels.library import fallback

    print(f"seatbelt-vae {__version__}")
    if (notice := fallback()) is not None:
        _say(notice)
    return 0


def _code_of(error: SeatbeltError, arguments: Sequence[str]) -> int:
    """The exit code of an error: 2, but those of `ExitCode` for an audit."""
    if arguments[:1] != ["audit"]:
        return 2
    from seatbelt_vae.auditing.exit_codes import exit_code_of_error

    return exit_code_of_error(error)


def _resumable(options: Verb) -> int:
    try:
        with terminable():
            return _run(options)
    except KeyboardInterrupt as interruption:
        _say(f"interrupted; {options.to_resume}")
        return interruption.code if isinstance(interruption, Interrupted) else 130


def _fail(message: str, code: int = 2) -> int:
    _say(f"error: {' '.join(message.split())}")
    return code


def _say(message: str) -> None:
    with suppress(OSError):  # the terminal is closed
        print(f"seatbelt-vae: {message}", file=sys.stderr)


def _run(options: Verb) -> int:
    """Import the module of the verb, and only that one, and run it; its exit code, 0 by default."""
    module = import_module(f"{__name__}.{type(options).__name__.lower()}")
    code: int | None = module.run(options)
    return code or 0
