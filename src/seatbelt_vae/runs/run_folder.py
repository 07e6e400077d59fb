"""A run folder: one model, its settings, and all measurements of it.

Layout::

    config.toml              the settings; re-runnable
    run.json                 format and kind; written last when a run is created
    model.json               the resolved architecture
    model.safetensors        the weights of the last step
    checkpoints/             one directory per checkpoint; `latest` names the newest
    data.safetensors         fingerprints of the training and the held-out images, in order
    metrics/                 Parquet parts, one per checkpoint
    attacks/<suite>/         config.toml, suite.json, one Parquet and one safetensors per pair
    evaluation/              measures.json and rows
    attempts.json            attempts of a sweep: worker and outcome
    report.html
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatbelt_vae.config.run import RunConfig
from seatbelt_vae.config.toml import dump_toml, load_toml
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs.atomic import atomic_write
from seatbelt_vae.runs.checked_files import no_such_path
from seatbelt_vae.runs.formats import FORMAT, checked_format, up_to_date
from seatbelt_vae.runs.json_files import read_json, write_json

__all__ = ["RunFolder"]


@dataclass(frozen=True)
class RunFolder:
    """The folder of one trained or training model.

    Args:
        path: path of the folder.
    """

    path: Path

    @classmethod
    def create(cls, path: Path, config: RunConfig) -> "RunFolder":
        """Create a run folder.

        Raises:
            ArtifactError: the folder holds a run already, or cannot be written.
        """
        settings = dump_toml(config.stored).encode()
        if path.exists() and not (path.is_dir() and _only_begun(path, settings)):
            raise ArtifactError(
                f"{path} exists and is not empty: give another folder, or --resume to continue it"
            )
        folder = cls(path)
        folder.store_config(config)
        return folder

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open an existing run folder.

        Raises:
            ArtifactError: no such folder, no run folder, or an unknown format version.
        """
        folder = cls(path)
        if not path.exists():
            raise no_such_path(path)
        if not (path / "run.json").exists():
            raise ArtifactError(
                f"{path} is not a run folder: expected run.json in it, made by `train`"
            )
        _ = folder.format
        return folder

    @property
    def format(self) -> int:
        """Format version of the stored settings and architecture.

        Raises:
            ArtifactError: an unknown format version.
        """
        content = self.read_json("run.json")
        return checked_format(
            self.path, "run folder", content, ", or train again from its config.toml"
        )

    @property
    def config(self) -> RunConfig:
        """The settings of the run, converted to the current format."""
        found = self.format
        return load_toml(
            self.path / "config.toml",
            RunConfig,
            lambda stored: up_to_date("settings", stored, found),
        )

    def store_config(self, config: RunConfig) -> None:
        """Store the settings of the run in the current format, ``run.json`` last."""
        atomic_write(self.path / "config.toml", dump_toml(config.stored).encode())
        self.write_json("run.json", {"format": FORMAT, "kind": "run"})

    def write_json(self, name: str, content: Any) -> None:
        """Write one JSON file of the folder atomically."""
        write_json(self.path / name, content)

    def read_json(self, name: str) -> Any:
        """Read one JSON file of the folder.

        Raises:
            ArtifactError: missing, or not valid JSON.
        """
        return read_json(self.path / name)


def _only_begun(path: Path, settings: bytes) -> bool:
    """Whether a folder holds only files of an interrupted `create` with the same settings."""
    return all(
        entry.read_bytes() == settings
        if entry.name == "config.toml"
        else entry.match(".config.toml.*.tmp") or entry.match(".run.json.*.tmp")
        for entry in path.iterdir()
    )
