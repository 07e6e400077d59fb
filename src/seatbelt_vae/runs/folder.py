"""A run folder: what one model is, how it was made, and everything measured on it.

Layout::

    run.json                 format, version, kind; written first
    config.toml              the settings; re-runnable
    model.json               the architecture, with nothing left open
    model.safetensors        the weights of the last step
    checkpoints/             whole directories, the newest named by `latest`
    metrics/                 Parquet parts, one per checkpoint
    attacks/<battery>/       config.toml, battery.json, one Parquet and one safetensors per pair
    evaluation/              measures.json and rows
    report.html
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatbelt_vae.config.run import RunConfig
from seatbelt_vae.config.toml import dump_toml, load_toml
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs.atomic import atomic_write
from seatbelt_vae.runs.json_files import read_json, write_json

__all__ = ["FORMAT", "RunFolder"]

FORMAT = 1
"""Version of the folder's layout; a folder of another one is refused, never guessed at."""


@dataclass(frozen=True)
class RunFolder:
    """The folder of one trained (or training) model.

    Args:
        path: where it lies.
    """

    path: Path

    @classmethod
    def create(cls, path: Path, config: RunConfig) -> "RunFolder":
        """Make a new run folder.

        Raises:
            ArtifactError: a run is there already, or the place cannot be written.
        """
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ArtifactError(
                f"{path} exists and is not empty: give another folder, or --resume to continue it"
            )
        folder = cls(path)
        folder.write_json("run.json", {"format": FORMAT, "kind": "run"})
        atomic_write(path / "config.toml", dump_toml(config).encode())
        return folder

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open an existing run folder.

        Raises:
            ArtifactError: none there, or one of another version of the layout.
        """
        folder = cls(path)
        if not (path / "run.json").exists():
            raise ArtifactError(
                f"{path} is not a run folder: expected run.json in it, made by `train`"
            )
        content = folder.read_json("run.json")
        found = content.get("format") if isinstance(content, dict) else None
        if found != FORMAT:
            raise ArtifactError(
                f"{path} is a run folder of format {found}, this version reads format {FORMAT}: "
                f"use the version that wrote it, or train again from its config.toml"
            )
        return folder

    @property
    def config(self) -> RunConfig:
        """The settings the run was made with."""
        return load_toml(self.path / "config.toml", RunConfig)

    def write_json(self, name: str, content: Any) -> None:
        """Write one JSON file of the folder, whole or not at all."""
        write_json(self.path / name, content)

    def read_json(self, name: str) -> Any:
        """Read one JSON file of the folder.

        Raises:
            ArtifactError: missing, or not valid JSON.
        """
        return read_json(self.path / name)
