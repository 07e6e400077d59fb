"""The errors a user can meet, each with a message of one line: got, expected, what to do."""

__all__ = [
    "ArtifactError",
    "ConfigError",
    "DataError",
    "DivergenceError",
    "ForeignStateError",
    "HubError",
    "ModelError",
    "QueryError",
    "SeatbeltError",
    "ShapeError",
]


class SeatbeltError(Exception):
    """Base of every error this package raises on purpose; the command line exits with 2 on it."""


class ConfigError(SeatbeltError):
    """A setting is outside what the method allows, or two settings contradict each other."""


class DataError(SeatbeltError):
    """A data set is missing, corrupt, or not what its loader expects."""


class ModelError(SeatbeltError):
    """A model does not do what the autoencoder protocol promises."""


class ShapeError(ModelError):
    """An array has another shape than the model or the data set declares."""


class ArtifactError(SeatbeltError):
    """A run folder, a checkpoint or a stored file is missing, corrupt, or of another version."""


class ForeignStateError(ArtifactError):
    """A folder holds the unfinished work of another model or of other settings."""


class QueryError(SeatbeltError):
    """SQL that the results store cannot answer, or must not."""


class HubError(SeatbeltError):
    """The Hugging Face Hub did not give or take a model: unknown, not allowed, out of reach."""


class DivergenceError(SeatbeltError):
    """Training met a number that is not finite, or ran away; the message names step and term."""
