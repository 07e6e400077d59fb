"""Exit codes of the command ``audit``."""

from enum import IntEnum

from seatbelt_vae.errors import ArtifactError, ConfigError, ModelError, UnreadableError
from seatbelt_vae.runs.audit_document import Verdict

__all__ = ["ExitCode", "exit_code", "exit_code_of_error"]


class ExitCode(IntEnum):
    """Exit codes.

    ``INCONCLUSIVE`` stands for every error too that is none of the others.
    """

    PASS = 0
    FAIL = 1
    INCONCLUSIVE = 2
    UNSUPPORTED = 3
    USAGE = 4


def exit_code(verdict: Verdict) -> ExitCode:
    """The exit code of an audit that came to an end."""
    return ExitCode[verdict.status.upper()]


def exit_code_of_error(error: Exception, *, opening: bool = False) -> ExitCode:
    """The exit code of an audit that raised an error.

    Args:
        error: the error.
        opening: whether the target was being opened, so that a damaged file is the model's.
    """
    if isinstance(error, ConfigError):
        return ExitCode.USAGE
    damaged = isinstance(error, ArtifactError) and not isinstance(error, UnreadableError)
    if isinstance(error, ModelError) or (opening and damaged):
        return ExitCode.UNSUPPORTED
    return ExitCode.INCONCLUSIVE
