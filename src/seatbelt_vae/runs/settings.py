"""Settings of attacks and evaluations as TOML files with a format version."""

from pathlib import Path
from typing import TypeVar

from seatbelt_vae.config import AttackConfig, EvaluationConfig
from seatbelt_vae.config.toml import dump_toml, load_toml
from seatbelt_vae.runs.atomic import atomic_write
from seatbelt_vae.runs.formats import FORMAT, Part, Table, checked_format, up_to_date

__all__ = ["read_settings", "revised", "write_settings"]

_Settings = TypeVar("_Settings", AttackConfig, EvaluationConfig)


def write_settings(path: Path, settings: AttackConfig | EvaluationConfig) -> None:
    """Write settings as TOML with the key ``format`` first; the write is atomic."""
    atomic_write(path, f"format = {FORMAT}\n{dump_toml(settings)}".encode())


def read_settings(path: Path, kind: type[_Settings]) -> _Settings:
    """The settings in a TOML file; a file without the key ``format`` has format 1.

    Raises:
        ConfigError: the file is missing or not TOML, a key is unknown, or a value is invalid.
        ArtifactError: an unknown format version.
    """
    part: Part = "attack" if kind is AttackConfig else "evaluation"
    return load_toml(path, kind, lambda table: revised(path, part, table))


def revised(path: Path, part: Part, table: Table) -> Table:
    """Convert a parsed table of settings to the current format, without the key ``format``.

    Raises:
        ArtifactError: an unknown format version.
    """
    rest = {key: value for key, value in table.items() if key != "format"}
    found = checked_format(path, "settings file", {"format": table.get("format", 1)})
    current: Table = up_to_date(part, rest, found)
    return current
