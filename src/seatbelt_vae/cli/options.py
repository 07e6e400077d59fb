"""The verbs' arguments, as dataclasses that tyro turns into flags; torch is not imported."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self

from tyro.conf import Positional, subcommand

from seatbelt_vae.config import (
    AttackConfig,
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    TrainingConfig,
)
from seatbelt_vae.config.checks import positive
from seatbelt_vae.demo import DEMO
from seatbelt_vae.errors import ConfigError

__all__ = [
    "Attack",
    "Data",
    "DataCheck",
    "DataFlags",
    "DataList",
    "DataPrepare",
    "Demo",
    "Evaluate",
    "Output",
    "Report",
    "Share",
    "Sweep",
    "Train",
    "Verb",
]

_AGAIN = "run the same command again to go on where it stopped"


@dataclass(frozen=True)
class Output:
    """What is printed.

    Args:
        json: print one JSON object on stdout and nothing else there.
        quiet: no progress on stderr.
    """

    json: bool = False
    quiet: bool = False


@dataclass(frozen=True)
class DataFlags:
    """The data set.

    Args:
        data: a name of `seatbelt-vae data list`.
        root: folder that holds the set's files, for sets that are read from disk.
        images: use only this many training images (default: all).
        image_size: side in pixels, for sets that can be had at several sizes.
        skip_bad: leave out files that cannot be read, and count them.
    """

    data: str = "dsprites"
    root: str | None = None
    images: int | None = None
    image_size: int | None = None
    skip_bad: bool = False

    @classmethod
    def of(cls, config: DataConfig) -> Self:
        """The flags that say the same as ``config``."""
        return cls(config.name, config.root, config.images, config.image_size, config.skip_bad)

    @property
    def config(self) -> DataConfig:
        """The same as settings."""
        return DataConfig(self.data, self.root, self.images, self.image_size, self.skip_bad)


@dataclass(frozen=True)
class Train:
    """Train a model and store it as a run folder.

    Args:
        folder: where the run is stored; must be new, or be resumed.
        config: settings to start from (a RunConfig as TOML, such as a run's config.toml).
        resume: continue the run in the folder, with its own settings.
    """

    folder: Positional[Path]
    config: Path | None = None
    resume: bool = False
    data: DataFlags = field(default_factory=DataFlags)
    model: ModelConfig = field(default_factory=ModelConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    output: Output = field(default_factory=Output)

    @classmethod
    def of(cls, folder: Path, config: RunConfig) -> Self:
        """The flags that say the same as ``config``."""
        return cls(
            folder,
            data=DataFlags.of(config.data),
            model=config.model,
            objective=config.objective,
            training=config.training,
        )

    @property
    def run_config(self) -> RunConfig:
        """The settings of the run."""
        return RunConfig(self.data.config, self.model, self.objective, self.training)

    @property
    def to_resume(self) -> str:
        """What to do after an interruption."""
        if (self.folder / "run.json").exists():
            return f"resume with: seatbelt-vae train {self.folder} --resume"
        return "nothing was written, run the same command again"


@dataclass(frozen=True)
class Sweep:
    """Train every combination of some settings, several models at a time.

    Args:
        folder: folder of the runs; what is trained there already is kept, and what is not is
            resumed.
        vary: a flag of train and the values it takes in turn, as in beta=1,2,4 or
            latent-sizes=16,16+8; several flags make a grid.
        jobs: how many models train at a time (default: one a core).
        config: settings to start from (a RunConfig as TOML, such as a run's config.toml).
    """

    folder: Positional[Path]
    vary: tuple[str, ...] = ()
    jobs: int | None = None
    config: Path | None = None
    data: DataFlags = field(default_factory=DataFlags)
    model: ModelConfig = field(default_factory=ModelConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    output: Output = field(default_factory=Output)

    def __post_init__(self) -> None:
        if not self.vary:
            raise ConfigError("nothing varies: say what, as in --vary beta=1,2,4 seed=0,1")
        if self.jobs is not None:
            positive("jobs", self.jobs)

    @classmethod
    def of(cls, folder: Path, vary: tuple[str, ...], config: RunConfig) -> Self:
        """The flags that say the same as ``config``."""
        return cls(
            folder,
            vary,
            data=DataFlags.of(config.data),
            model=config.model,
            objective=config.objective,
            training=config.training,
        )

    @property
    def run_config(self) -> RunConfig:
        """The settings that all runs share."""
        return RunConfig(self.data.config, self.model, self.objective, self.training)

    to_resume = _AGAIN


@dataclass(frozen=True)
class Attack:
    """Attack a run's model on random pairs of held-out images and measure the damage.

    Args:
        folder: the run folder; the battery is stored in its attacks/ and resumed if unfinished.
        config: settings to start from (an AttackConfig as TOML, such as a battery's config.toml).
        root: folder that holds the data set's files (default: as the run was trained).
        sibling: a run whose model was attacked with the same settings; its images are tried here as
            a control (transfer attack).
        processes: processes that share the pairs, each on one thread (default: one a core). The
            same command in another shell shares them too.
    """

    folder: Positional[Path]
    config: Path | None = None
    root: str | None = None
    sibling: Path | None = None
    processes: int | None = None
    attack: AttackConfig = field(default_factory=AttackConfig)
    output: Output = field(default_factory=Output)

    def __post_init__(self) -> None:
        if self.processes is not None:
            positive("processes", self.processes)

    to_resume = _AGAIN


@dataclass(frozen=True)
class Evaluate:
    """Measure a run's model on held-out images: bounds, aggregate posterior, reconstruction.

    Args:
        folder: the run folder; results are stored in its evaluation/.
        config: settings to start from (an EvaluationConfig as TOML).
        root: folder that holds the data set's files (default: as the run was trained).
    """

    folder: Positional[Path]
    config: Path | None = None
    root: str | None = None
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
class Share:
    """Write a run's model into a folder that anybody can load, with a card of what was measured.

    A folder that holds the model already keeps its card, so that an edited one is not lost.

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
        name: a name of `seatbelt-vae data list`.
        root: folder that holds the set's files, for sets that are read from disk.
        image_size: side in pixels, for sets that can be had at several sizes.
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
        name: a name of `seatbelt-vae data list`.
        root: folder that holds the set's files, for sets that are read from disk.
        image_size: side in pixels, for sets that can be had at several sizes.
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

    to_resume = _AGAIN


Verb = Train | Sweep | Attack | Evaluate | Report | Share | Data | Demo
