"""The verbs' arguments, as dataclasses that tyro turns into flags; torch is not imported."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, subcommand

from seatbelt_vae.cli.paper_options import Claims, Reproduce
from seatbelt_vae.cli.run_options import AGAIN, DataFlags, Output, SubjectFlags, Sweep, Train
from seatbelt_vae.config import AttackConfig, EvaluationConfig
from seatbelt_vae.config.checks import positive
from seatbelt_vae.demo import DEMO
from seatbelt_vae.errors import ConfigError

__all__ = [
    "Attack",
    "Claims",
    "Compare",
    "Data",
    "DataCheck",
    "DataFlags",
    "DataList",
    "DataPrepare",
    "Demo",
    "Evaluate",
    "Output",
    "Report",
    "Reproduce",
    "Results",
    "Share",
    "Sweep",
    "Train",
    "Verb",
]


@dataclass(frozen=True, kw_only=True)
class Attack(SubjectFlags):
    """Attack a model on random pairs of held-out images and measure the damage.

    The suite is stored in the folder's attacks/ and resumed if unfinished.

    Args:
        config: settings to start from (an AttackConfig as TOML, such as a suite's config.toml).
        sibling: a run whose model was attacked with the same settings; its images are tried here as
            a control (transfer attack).
        processes: processes that share the pairs, each on one thread (default: one a core). The
            same command in another shell shares them too.
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
        config: settings to start from (an EvaluationConfig as TOML).
    """

    config: Path | None = None
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    output: Output = field(default_factory=Output)

    to_resume = "run the same command again"


@dataclass(frozen=True)
class Report:
    """Write one self-contained HTML report of one or more runs.

    Args:
        folders: the run folders, in the order they are shown.
        out: the report's file (default: report.html in the folder of a single run, else here).
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
    """Set models side by side in one HTML page: robustness against the ELBO, and the Pareto front.

    Models of different data or likelihoods are shown apart, since their ELBOs cannot be compared.

    Args:
        folders: run folders, folders with run folders below them, or exported stores.
        out: the page's file.
        suite: which suite of attacks is compared (default: the one most of them have).
        against: the run that differences are taken against (default: the hardest to fool).
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
    """Ask across runs in SQL: settings, measures, attacks and flags as views that can be joined.

    Without SQL it lists the views, their columns and some queries to begin with.

    Args:
        sql: one SELECT in DuckDB's SQL, in quotes; nothing can be written by it.
        runs: run folders, folders with run folders below them, or exported stores.
        csv: print the rows as CSV.
        out: write the rows to this Parquet file.
        export: write every view into this new folder, a file each, to be asked like the runs.
    """

    sql: Positional[str | None] = None
    runs: tuple[Path, ...] = (Path("runs"),)
    csv: bool = False
    out: Path | None = None
    export: Path | None = None
    output: Output = field(default_factory=Output)

    def __post_init__(self) -> None:
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
    """Write a run's model into a folder that anybody can load, with a card of what was measured.

    A folder that holds the model already gets a new card, unless somebody edited the old one.

    Args:
        folder: the run folder, perhaps attacked and evaluated.
        out: the folder to write: config.json, model.safetensors, README.md.
        license: the model's licence for the card, as the Hugging Face Hub abbreviates it: mit, ...
            (default: none is stated).
        push: upload the folder to this repository of the Hugging Face Hub, given as owner/name.
        private: make the repository private if it is new.
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
class DataList:
    """List the data sets: names, sizes, where they come from, whether they are ready.

    Args:
        root: folder that holds a set's files.
    """

    root: str | None = None
    output: Output = field(default_factory=Output)


@dataclass(frozen=True)
class DataPrepare:
    """Make a data set ready: draw it, or read it from where it was downloaded.

    Args:
        name: a name of `seatbelt-vae data list`, or a function as module:function.
        root: folder that holds the set's files, for sets that are read from disk.
        image_size: side in pixels: any for sets of pictures, for the others a fraction of theirs.
        skip_bad: leave out files that cannot be read, and count them.
        download: fetch the set first; nothing is downloaded without this.
        sheet: write a PNG of random images here.
    """

    name: Positional[str]
    root: str | None = None
    image_size: int | None = None
    skip_bad: bool = False
    download: bool = False
    sheet: Path | None = None
    output: Output = field(default_factory=Output)


@dataclass(frozen=True)
class DataCheck:
    """Check that a data set is complete and what its loader expects.

    Args:
        name: a name of `seatbelt-vae data list`, or a function as module:function.
        root: folder that holds the set's files, for sets that are read from disk.
        image_size: side in pixels: any for sets of pictures, for the others a fraction of theirs.
        skip_bad: leave out files that cannot be read, and count them.
    """

    name: Positional[str]
    root: str | None = None
    image_size: int | None = None
    skip_bad: bool = False
    output: Output = field(default_factory=Output)


@dataclass(frozen=True)
class Data:
    """List, prepare and check data sets."""

    action: (
        Annotated[DataList, subcommand("list")]
        | Annotated[DataPrepare, subcommand("prepare")]
        | Annotated[DataCheck, subcommand("check")]
    )

    to_resume = "run the same command again"


@dataclass(frozen=True)
class Demo:
    """Train three models on dSprites, attack all three, and write a report: under six minutes.

    Args:
        out: folder of the three runs and the report; a folder of an unfinished demo is resumed.
        seed: seed of the weights, the data order, the pairs and the noise.
        steps: optimiser steps of each model; fewer are faster and blurrier.
    """

    out: Path = Path("runs/demo")
    seed: int = 0
    steps: int = DEMO.steps
    output: Output = field(default_factory=Output)

    to_resume = AGAIN


Verb = (
    Train
    | Sweep
    | Attack
    | Evaluate
    | Report
    | Compare
    | Results
    | Reproduce
    | Claims
    | Share
    | Data
    | Demo
)
