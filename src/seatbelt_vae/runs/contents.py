"""Reads the contents of run folders; a missing part is None, a corrupt part is an error.

Each part is read on first access. An `ArtifactError` names the file in one line.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from seatbelt_vae.config import DataConfig, RunConfig
from seatbelt_vae.config.toml import from_dict
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.runs.audit_document import AUDIT, AUDIT_FOLDER, Audit, read_audit
from seatbelt_vae.runs.checked_files import (
    Row,
    Tensors,
    checked,
    checked_rows,
    checked_table,
    checked_tensors,
)
from seatbelt_vae.runs.formats import checked_format
from seatbelt_vae.runs.run_folder import RunFolder
from seatbelt_vae.runs.suite_contents import Suite
from seatbelt_vae.runs.suites import suite_folders
from seatbelt_vae.runs.tensors import read_about

__all__ = [
    "ATTEMPTS",
    "FOREIGN",
    "HARDENED",
    "SUBJECT",
    "Evaluation",
    "Run",
    "audit_folder",
    "is_contents",
]

FOREIGN = "foreign"
"""Stands for the preset of a subject without a run folder."""

SUBJECT = "subject.json"
"""The file that marks the results folder of such a subject, as ``run.json`` marks a run."""

ATTEMPTS = "attempts.json"
"""The log of the processes that worked in a run folder for a sweep."""

HARDENED = "hardened.json"
"""The file that marks a run or a folder of results with the weights of a hardening."""


@dataclass(frozen=True)
class Evaluation:
    """The results of ``evaluate``; ``folder`` is ``evaluation`` of a run."""

    folder: Path

    @cached_property
    def measures(self) -> Row:
        """The content of ``measures.json``."""
        return checked_table(self.folder / "measures.json")

    @cached_property
    def sigma(self) -> list[Row]:
        """One row per test image: ‖σ‖ of each layer; none for a model without a posterior."""
        path = self.folder / "sigma.parquet"
        return checked_rows(path, ["sigma_norm"]) if path.exists() else []

    @cached_property
    def pictures(self) -> Tensors:
        """Test images, reconstructions and traversals."""
        return checked_tensors(self.folder / "pictures.safetensors", ["x", "reconstruction"])

    @cached_property
    def images(self) -> str | None:
        """The identity of the data set; None if an older version evaluated."""
        about = read_about(self.folder / "pictures.safetensors")
        return about["images"] if isinstance(about, dict) else None


@dataclass(frozen=True)
class Run:
    """The contents of one run folder, of the results folder of another subject, or of an audit.

    Args:
        name: name in reports and views.
        folder: path of the folder.
    """

    name: str
    folder: Path

    @cached_property
    def subject(self) -> Row | None:
        """The content of ``subject.json``; None for a run folder.

        An audit in a folder without its model states the same keys.
        """
        path = self.folder / SUBJECT
        if not path.exists():
            return None if (self.folder / "run.json").exists() else self._audited
        found = checked_table(
            path, ["source", "digest", "event_shape", "latent_sizes", "bounds", "data"]
        )
        checked_format(self.folder, "folder of results", found)
        return found

    @property
    def _audited(self) -> Row | None:
        """The keys of ``subject.json`` that the audit states; None without an audit."""
        folder = audit_folder(self.folder)
        if folder is None or self.audit is None:
            return None
        stated = checked_table(folder / AUDIT)
        return {**stated["target"], "data": {"name": stated["data"]["name"]}}

    @cached_property
    def config(self) -> RunConfig | None:
        """Settings of the training; None for a subject without a run folder."""
        if self.subject is not None:
            return None
        try:
            return RunFolder.open(self.folder).config
        except ConfigError as error:
            raise ArtifactError(f"{error}: restore it, or train again") from None

    @property
    def preset(self) -> str:
        """The preset, or ``foreign`` for a subject without a run folder."""
        return FOREIGN if self.config is None else self.config.model.preset

    @property
    def stored_data(self) -> DataConfig | None:
        """Settings of the data set; None for data that was given from Python."""
        if self.config is not None:
            return self.config.data
        settings = (self.subject or {}).get("data")
        return None if settings is None else from_dict(DataConfig, settings)

    @property
    def data(self) -> DataConfig:
        """Settings of the data set; ``in memory`` for data that was given from Python."""
        return self.stored_data or DataConfig("in memory")

    @cached_property
    def architecture(self) -> Row | None:
        """Image shape, bounds and latent sizes; None before training."""
        if self.subject is not None:
            found = {**self.subject, "image_shape": self.subject["event_shape"]}
        elif (path := self.folder / "model.json").exists():
            found = checked_table(path, ["latent_sizes", "bounds"])
        else:
            return None
        sizes = found["latent_sizes"]
        if not isinstance(sizes, list) or not all(isinstance(size, int) for size in sizes):
            place = self.folder / (SUBJECT if self.subject else "model.json")
            raise ArtifactError(
                f"{place}: latent_sizes is {str(sizes)[:40]!r}, expected a list of whole numbers: "
                f"restore it"
            )
        return found

    @cached_property
    def metrics(self) -> list[Row]:
        """Rows of the training metrics; empty before training."""
        place, columns = self.folder / "metrics", ("step", "split", "elbo")
        return checked_rows(place, columns) if any(place.glob("*.parquet")) else []

    @cached_property
    def weights(self) -> str | None:
        """The first 16 digits of the weights file's SHA-256; None until trained."""
        if self.subject is not None:
            return str(self.subject["digest"])
        path = self.folder / "model.safetensors"
        if not path.exists():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]

    @cached_property
    def conditions(self) -> Row:
        """Versions, processor and threads of the training, from the latest checkpoint."""
        files = sorted(self.folder.glob("checkpoints/step-*/about.json"))
        if not files:
            return {}
        return checked(files[-1], checked_table(files[-1], ["conditions"])["conditions"])

    @cached_property
    def suites(self) -> dict[str, Suite]:
        """Attack suites by name."""
        return {folder.name: Suite(folder) for folder in suite_folders(self.folder)}

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """Results of the evaluation; None before it."""
        folder = self.folder / "evaluation"
        return Evaluation(folder) if (folder / "measures.json").exists() else None

    @cached_property
    def audit(self) -> Audit | None:
        """The document of the audit; None before it."""
        folder = audit_folder(self.folder)
        return None if folder is None else read_audit(folder / AUDIT)

    def read(self) -> None:
        """Read every part of a report.

        Raises:
            ArtifactError: a file is corrupt or incomplete, or the parts are of different images.
        """
        _ = self.config, self.architecture, self.metrics, self.weights, self.conditions
        for suite in self.suites.values():
            _ = suite.config, suite.about, suite.attacks, suite.flags
            if (measured := suite.measured) is not None:
                _ = measured.summary, measured.estimates, measured.pairs, measured.attacks
                _ = measured.budgets, measured.pictures
        if (evaluation := self.evaluation) is not None:
            _ = evaluation.measures, evaluation.sigma, evaluation.pictures
        self._check_images()

    def _check_images(self) -> None:
        """Raise ArtifactError if the parts state different images; older versions state none."""
        stated = {f"attacks/{name}": suite.images for name, suite in self.suites.items()}
        if self.evaluation is not None:
            stated["evaluation"] = self.evaluation.images
        known = {part: images for part, images in stated.items() if images is not None}
        if len(set(known.values())) > 1:
            raise ArtifactError(
                f"{self.folder} holds results of different images in {', '.join(known)}: delete "
                f"those that are not of its data set, and run these steps again"
            )


def audit_folder(folder: Path) -> Path | None:
    """The folder of the audit of a run or another subject, or the folder itself; None without."""
    places = (folder / AUDIT_FOLDER, folder)
    return next((place for place in places if (place / AUDIT).exists()), None)


def is_contents(folder: Path) -> bool:
    """Whether a folder is a run folder or the results folder of another subject."""
    return (folder / "run.json").exists() or (folder / SUBJECT).exists()
