"""Arguments of each command, as dataclasses that tyro turns into flags; torch is not imported."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from tyro.conf import Positional

from seatbelt_vae.cli.app_options import App
from seatbelt_vae.cli.audit_options import Audit
from seatbelt_vae.cli.data_options import Data, DataCheck, DataList, DataPrepare, Zoo
from seatbelt_vae.cli.defend_options import Defend
from seatbelt_vae.cli.installation_options import Completion, Doctor
from seatbelt_vae.cli.paper_options import Claims, Reproduce
from seatbelt_vae.cli.run_options import AGAIN, DataFlags, Output, SubjectFlags, Sweep, Train
from seatbelt_vae.config import AttackConfig, EvaluationConfig
from seatbelt_vae.config.checks import positive
from seatbelt_vae.errors import ConfigError

__all__ = [
    "App",
    "Attack",
    "Audit",
    "Claims",
    "Compare",
    "Completion",
    "Data",
    "DataCheck",
    "DataFlags",
    "DataList",
    "DataPrepare",
    "Defend",
    "Demo",
    "Doctor",
    "Evaluate",
    "Output",
    "Report",
    "Reproduce",
    "Results",
    "Share",
    "Sweep",
    "Train",
    "Verb",
    "Zoo",
]


@dataclass(frozen=True, kw_only=True)
class Attack(SubjectFlags):
    """Attack a model on random pairs of held-out images and measure the damage.

    The suite is stored in the folder's attacks/ and resumed if unfinished.

    Args:
        config: TOML file of settings, such as the config.toml of a suite; flags override it.
        sibling: a run that was attacked with the same settings; its adversarial images are a
            control (transfer attack).
        processes: processes that share the pairs, each with one thread (default: one per core);
            the same command in another shell joins them.
    """

    config: Path | None = None
    sibling: Path | None = None
    processes: int | None = None
    attack: AttackConfig = field(default_factory=AttackConfig)
    output: Output = field(default_factory=Output)

    def __post_init__(self) -> None:
        if self.processes is not None:
            positive("processes", self.processes)

    to_resume = AGAIN


@dataclass(frozen=True, kw_only=True)
class Evaluate(SubjectFlags):
    """Measure a model on held-out images: bounds, aggregate posterior, reconstruction.

    The results are stored in the folder's evaluation/. Optional metrics of an earlier evaluation
    under the same settings are measured again.

    Args:
        config: TOML file of settings, such as evaluation/config.toml; flags override it.
    """

    config: Path | None = None
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    output: Output = field(default_factory=Output)

    to_resume = "run the same command again"


@dataclass(frozen=True)
class Report:
    """Write one self-contained HTML report of one or more runs.

    Args:
        folders: run folders, folders of results or `zoo:NAME`, in the order they are shown; or the
            folder of one audit.
        out: the HTML file (default: report.html in the folder of a single run, else in the working
            folder).
    """

    folders: Positional[tuple[Path, ...]]
    out: Path | None = None
    output: Output = field(default_factory=Output)

    def __post_init__(self) -> None:
        if not self.folders:
            raise ConfigError("no run folders given: name one or more, made by `train`")

    to_resume = "run the same command again"


@dataclass(frozen=True)
class Compare:
    """Compare models in one HTML page: robustness against the ELBO, the Pareto front, and audits.

    Models of different data or likelihoods form groups, since their ELBOs are not comparable.
    Audits form groups by their images; differences are paired.

    Args:
        folders: run folders, folders with run folders below them, or exported stores.
        out: the HTML file.
        suite: the suite of attacks to compare (default: the one that most runs have).
        against: the reference run of the differences (default: the hardest to fool).
    """

    folders: Positional[tuple[Path, ...]]
    out: Path = Path("compare.html")
    suite: str | None = None
    against: str | None = None
    output: Output = field(default_factory=Output)

    def __post_init__(self) -> None:
        if not self.folders:
            raise ConfigError("no run folders given: name one or more, or a folder with some below")

    to_resume = "run the same command again"


@dataclass(frozen=True)
class Results:
    """Query all runs in SQL: settings, measures, attacks and flags are views that can be joined.

    Without SQL the command lists the views, their columns and some example queries.

    Args:
        sql: one quoted SELECT in the SQL of DuckDB; queries only read. A folder is read as --runs.
        runs: run folders, audits, folders with some below them, or exported stores.
        csv: print the rows as CSV.
        out: write the rows to this Parquet file.
        export: write every view as one file into this new folder, which `--runs` can query.
        timeout: stop the query after this many seconds, with exit status 124 (default: no limit).
    """

    sql: Positional[str | None] = None
    runs: tuple[Path, ...] = (Path("runs"),)
    csv: bool = False
    out: Path | None = None
    export: Path | None = None
    timeout: float | None = None
    output: Output = field(default_factory=Output)

    def __post_init__(self) -> None:
        if self.timeout is not None:
            positive("timeout", self.timeout)
        if self.sql is None and self.timeout is not None:
            raise ConfigError("timeout limits a query: give a SELECT in quotes")
        if self.sql is None and (self.csv or self.out is not None):
            raise ConfigError("no SQL given whose rows to write: give a SELECT in quotes")
        if self.sql is not None and self.export is not None:
            raise ConfigError("export writes every view: leave the SQL out, or use --out FILE")
        if self.csv and (self.output.json or self.out is not None):
            raise ConfigError("csv together with json or out: choose one")
        if self.out is not None and self.out.suffix != ".parquet":
            raise ConfigError(f"out is {self.out}, expected a .parquet file: use --csv for text")

    to_resume = "run the same command again"


@dataclass(frozen=True)
class Share:
    """Export the model of a run into a folder to share, with a model card of its measures.

    If the folder already holds the model, the card is renewed unless it was edited.

    Args:
        folder: the run folder.
        out: the folder to write: config.json, model.safetensors, README.md.
        license: licence for the model card, by its identifier on the Hugging Face Hub, such as mit
            (default: none).
        push: repository of the Hugging Face Hub to upload to, as owner/name.
        private: create the repository as private.
    """

    folder: Positional[Path]
    out: Positional[Path]
    license: str | None = None
    push: str | None = None
    private: bool = False
    output: Output = field(default_factory=Output)

    def __post_init__(self) -> None:
        if self.push is None and self.private:
            raise ConfigError("private without push: name a repository with --push owner/name")
        if self.push is not None and not re.fullmatch(r"[\w.-]+/[\w.-]+", self.push):
            raise ConfigError(f"push is {self.push!r}, expected a repository as owner/name")

    to_resume = "run the same command again"


@dataclass(frozen=True)
class Demo:
    """Train three models on dSprites, attack them and write a report, in under six minutes.

    With --quick nothing is trained: two models of the zoo are attacked on eight faces, in seconds.

    Args:
        quick: only attack two trained models, and write one picture, quick.png.
        out: folder of the three runs and the report; an unfinished demo is resumed.
        seed: seed of the weights, the order of the data, the pairs and the noise.
        steps: optimiser steps per model; fewer steps give blurrier reconstructions.
    """

    quick: bool = False
    out: Path = Path("runs/demo")
    seed: int = 0
    steps: int = 2200
    output: Output = field(default_factory=Output)

    to_resume = AGAIN


Verb = (
    Train
    | Sweep
    | Audit
    | Defend
    | Attack
    | Evaluate
    | Report
    | Compare
    | Results
    | Reproduce
    | Claims
    | Share
    | Data
    | Zoo
    | App
    | Demo
    | Doctor
    | Completion
)
