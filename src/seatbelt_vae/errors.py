"""Exceptions of the package; each message is one line: got, expected, and how to fix it."""

__all__ = [
    "ArtifactError",
    "ConfigError",
    "DataError",
    "DivergenceError",
    "ForeignStateError",
    "HubError",
    "ModelError",
    "QueryError",
    "QueryTimeoutError",
    "SeatbeltError",
    "ShapeError",
    "UnreadableError",
]


class SeatbeltError(Exception):
    """Base class of all exceptions of this package; the command line exits with status 2."""


class ConfigError(SeatbeltError):
    """A setting is out of range, or two settings contradict each other."""


class DataError(SeatbeltError):
    """A data set is missing, corrupt, or in another format than its loader expects."""


class ModelError(SeatbeltError):
    """A model violates the autoencoder protocol."""


class ShapeError(ModelError):
    """An array has a different shape than the model or the data set declares."""


class ArtifactError(SeatbeltError):
    """A run folder, checkpoint or file is missing, corrupt, or of an unknown format version."""


class UnreadableError(ArtifactError):
    """A file cannot be read now, but may be whole: no permission, locked, or a lost connection."""

    @classmethod
    def of(cls, path: object, error: OSError) -> "UnreadableError":
        """The error of a file that the system does not let this process read."""
        return cls(
            f"cannot read {path}: {error.strerror or error}; it may be whole: make it readable and "
            f"run the same command again"
        )


class ForeignStateError(ArtifactError):
    """A folder holds unfinished work of a different model or of different settings."""


class QueryError(SeatbeltError):
    """A SQL query is invalid, or not allowed on the results store."""


class QueryTimeoutError(QueryError):
    """A SQL query took longer than its time limit; the command line exits with status 124."""


class HubError(SeatbeltError):
    """A Hugging Face Hub request failed: unknown repository, no permission, or no connection."""


class DivergenceError(SeatbeltError):
    """Training diverged or produced a non-finite value; the message names the step and the term."""
