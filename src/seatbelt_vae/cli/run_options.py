"""Flags of `train` and `sweep`; torch is not imported."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from tyro.conf import Positional, arg

from seatbelt_vae.config import (
    AdapterConfig,
    DataConfig,
    ModelConfig,
    ObjectiveConfig,
    ReadingConfig,
    RunConfig,
    TrainingConfig,
)
from seatbelt_vae.config.checks import positive
from seatbelt_vae.errors import ConfigError

__all__ = ["AGAIN", "DataFlags", "Output", "SubjectFlags", "Sweep", "Train"]

AGAIN = "run the same command again to go on where it stopped"


@dataclass(frozen=True)
class Output:
    """Output of the command.

    Args:
        json: print one JSON object on stdout, and nothing else on stdout.
        quiet: print no progress on stderr.
    """

    json: bool = False
    quiet: bool = False


@dataclass(frozen=True)
class DataFlags(ReadingConfig):
    """The data set, and how its files are read.

    Args:
        data: a name of `seatbelt-vae data list`, a function as module:function, or the path of your
            own files, also as `folder:PATH`, `array:PATH` or `table:PATH`.
        root: folder of the files, for data sets that are read from disk.
        images: number of training images to use (default: all).
        image_size: side in pixels: any for sets of image files, an integer fraction for the others.
    """

    data: str = "dsprites"
    root: str | None = None
    images: int | None = None
    image_size: int | None = None

    @classmethod
    def of(cls, config: DataConfig) -> Self:
        """The flags of the settings ``config``."""
        place = config.name, config.root, config.images, config.image_size
        return cls(*place, **config.chosen_reading)

    @property
    def config(self) -> DataConfig:
        """The settings of these flags."""
        place = self.data, self.root, self.images, self.image_size
        return DataConfig(*place, **self.chosen_reading)


@dataclass(frozen=True, kw_only=True)
class SubjectFlags(ReadingConfig):
    """The model to measure, and the data.

    Args:
        target: a run folder; a folder of results; a model of `seatbelt-vae zoo`, as `zoo:NAME`; a
            function that returns a model, as `package.module:function` or `file.py:function`, whose
            code is executed; a folder that diffusers or pythae saved; a `.safetensors` file of a
            known network; or a program of `torch.export` (`.pt2`).
        data: the data set, as for train (default: that of the run, of the folder of results, or of
            the training of a model of the zoo).
        root: folder of the files of the data set (default: that of the run).
        image_size: side in pixels (default: that of the run).
        out: folder of the results of a model that is not a run (default: `runs/` and its name).
        with_: a defence at inference around the model, which is attacked through: `averaging:K`,
            `self-denoising:TIMES`, `hmc:TRANSITIONS`, `center-smoothing:SIGMA`, each also without
            its number, or a function from a model to a model as module:function.
    """

    target: Positional[str]
    data: str | None = None
    root: str | None = None
    image_size: int | None = None
    out: Path | None = None
    with_: Annotated[str | None, arg(name="with")] = None
    adapter: AdapterConfig = field(default_factory=AdapterConfig)

    def data_config(self, known: DataConfig | None) -> DataConfig:
        """Settings of the data: those known, overridden by these flags.

        Raises:
            ConfigError: no data set is given or known.
        """
        if self.data is None and known is None:
            raise ConfigError(f"{self.target} without --data: name the data set it is judged on")
        config = known if self.data is None or known is None else None
        config = config or DataConfig(self.data or "")
        return replace(
            config,
            root=self.root or config.root,
            image_size=self.image_size or config.image_size,
            **self.chosen_reading,
        )


@dataclass(frozen=True, kw_only=True)
class _RunFlags:
    """The settings of a training run."""

    data: DataFlags = field(default_factory=DataFlags)
    model: ModelConfig = field(default_factory=ModelConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    output: Output = field(default_factory=Output)

    @classmethod
    def of(cls, config: RunConfig, **others: Any) -> Self:
        """The flags of the settings ``config``, and other flags of the verb."""
        return cls(
            data=DataFlags.of(config.data),
            model=config.model,
            objective=config.objective,
            training=config.training,
            **others,
        )

    @property
    def run_config(self) -> RunConfig:
        """The settings of these flags."""
        return RunConfig(self.data.config, self.model, self.objective, self.training)


@dataclass(frozen=True, kw_only=True)
class Train(_RunFlags):
    """Train a model and store it as a run folder.

    Ctrl-C, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 write a checkpoint and stop.

    Args:
        folder: the run folder; must be new unless the run is resumed.
        config: TOML file of settings, such as the config.toml of a run; flags override it.
        resume: continue the run in the folder with its stored settings; another device may be
            given, and another root for data that have moved; more steps or epochs extend the run.
    """

    folder: Positional[Path]
    config: Path | None = None
    resume: bool = False

    @property
    def to_resume(self) -> str:
        """The advice after an interruption."""
        if (self.folder / "run.json").exists():
            return f"resume with: seatbelt-vae train {self.folder} --resume"
        return "nothing was written, run the same command again"


@dataclass(frozen=True, kw_only=True)
class Sweep(_RunFlags):
    """Train every combination of some settings; attack and evaluate each model, in parallel.

    Finished work is kept and unfinished work is resumed. A run that fails does not stop the others.

    Args:
        grid: a file GRID.toml with [train], [vary], [[attack]] and [evaluation]; further flags
            override its [train]. With --vary: the folder of the runs.
        vary: a flag of train and its values, as in beta=1,2,4 or latent-sizes=16,16+8; several
            flags give all combinations.
        out: folder of the runs of a grid file (default: its `out`, else runs/ and its name).
        engine: `local` uses processes on this machine, `ray` a Ray cluster (needs the extra
            `cluster`).
        address: address of the head of the Ray cluster, as host:6379; its nodes must share the
            folder of the runs (default: a cluster running here, else a new one).
        jobs: number of runs in parallel (default: one per core, or one on a GPU).
        config: TOML file of settings, such as the config.toml of a run; flags override it.
    """

    grid: Positional[Path]
    vary: tuple[str, ...] = ()
    out: Path | None = None
    engine: Literal["local", "ray"] = "local"
    address: str | None = None
    jobs: int | None = None
    config: Path | None = None

    def __post_init__(self) -> None:
        if self.jobs is not None:
            positive("jobs", self.jobs)
        if self.address is not None and self.engine != "ray":
            raise ConfigError(f"address {self.address} without --engine ray, which it is for")

    @property
    def has_file(self) -> bool:
        """Whether the grid is a file."""
        return self.grid.suffix.lower() == ".toml"

    to_resume = AGAIN
