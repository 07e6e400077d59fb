"""Flags of `reproduce` and `claims`; torch is not imported."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from seatbelt_vae.cli.run_options import AGAIN, Output
from seatbelt_vae.config.checks import one_of, positive
from seatbelt_vae.errors import ConfigError

if TYPE_CHECKING:
    from seatbelt_vae.paper.experiment import Experiment
    from seatbelt_vae.paper.sizes import Size

__all__ = ["Claims", "Reproduce"]

_ALL, _PUBLIC, _DEFENCES = "all", "public", "defences"


@dataclass(frozen=True)
class Reproduce:
    """Reproduce figures and tables of Willetts et al. (2021), or the frontier of defences.

    Figures of attacks are made for the published and for the strong attack. reproduction.html
    shows them with their rows, and answers the claims of the paper. Finished work is kept and
    unfinished work is resumed.

    `public` attacks and measures models that others trained, in place of training.

    Args:
        ids: all, or some of fig1 fig2 fig3 fig4 fig5 fig6 table1 figA7 figD8 figE9 figE11 figF12
            ablation; or alone `public`, or `defences`, the gap of defended models against their
            cost.
        size: `smoke` tests the pipeline in a minute; `small`, 32×32 images and a part of the grid,
            takes one to two hours on two cores; `medium` is its grid with the published networks
            and 64×64 images; `paper` is the published grid, for a GPU. Of `defences`: `small`
            takes about three hours, `medium`, 64×64 images, 14 hours.
        out: the folder (default: runs/reproduction/ and the size, or runs/defences/).
        models: folder of the models of `public`: models.json and the weights that it lists, in the
            layout of the project disentangling-vae.
        roots: folders of data sets that are read from disk, as in faces=/path/to/ICT-FaceKit.
        engine: `local` uses processes on this machine, `ray` a Ray cluster (needs the extra
            `cluster`).
        address: address of the head of the Ray cluster, as host:6379; its nodes must share the
            folder (default: a cluster running here, else a new one).
        jobs: number of models in parallel (default: one per core, or one on a GPU).
        gate: train and measure only one model at β = 1 of each kind, without attacks: is there a
            total correlation to penalise, and which claims can be tested?
        finished: start no job; write the rows and the page of the models that are finished.
        estimate: only time a few steps and attacks, and print the estimated hours.
    """

    ids: Positional[tuple[str, ...]]
    size: Literal["smoke", "small", "medium", "paper"] = "small"
    out: Path | None = None
    models: Path | None = None
    roots: tuple[str, ...] = ()
    engine: Literal["local", "ray"] = "local"
    address: str | None = None
    jobs: int | None = None
    gate: bool = False
    finished: bool = False
    estimate: bool = False
    output: Output = field(default_factory=Output)

    def __post_init__(self) -> None:
        if not self.ids:
            known = " ".join(_experiments())
            raise ConfigError(
                f"nothing to reproduce: name {_ALL}, {_PUBLIC}, {_DEFENCES}, or some of {known}"
            )
        for name in self.ids:
            one_of("figure or table", name, (_ALL, *_experiments(), _PUBLIC, _DEFENCES))
        if len(self.ids) > 1:
            for name in (_PUBLIC, _DEFENCES):
                if name in self.ids:
                    raise ConfigError(
                        f"{name} beside other figures: reproduce it alone, it has other models"
                    )
        self._check_public()
        if self.gate and (self.of_defences or self.estimate):
            raise ConfigError(f"gate is for figures: leave out --estimate and {_DEFENCES}")
        one_of(f"size of {self.ids[0]}", self.size, self.sizes)
        if self.jobs is not None:
            positive("jobs", self.jobs)
        if self.address is not None and self.engine != "ray":
            raise ConfigError(f"address {self.address} without --engine ray, which it is for")
        for root in self.roots:
            name, _, folder = root.partition("=")
            if not folder:
                raise ConfigError(
                    f"roots is {root!r}, expected a data set and its folder, as in "
                    f"faces=/path/to/ICT-FaceKit"
                )
            if not self.public:
                one_of("data set of roots", name, self._sets)
        if len(self.folders_of_sets) < len(self.roots):
            raise ConfigError("roots names a data set twice: give one folder per data set")

    def _check_public(self) -> None:
        if not self.public:
            if self.models is not None:
                raise ConfigError(f"models is for {_PUBLIC}: leave it out, or name {_PUBLIC} alone")
        elif self.models is None:
            raise ConfigError(f"{_PUBLIC} without models: give their folder as --models")
        elif self.estimate or self.gate or self.engine == "ray":
            raise ConfigError(
                f"{_PUBLIC} trains nothing: leave out --estimate, --gate and --engine"
            )

    @property
    def public(self) -> bool:
        """Whether the experiment on public models is chosen."""
        return _PUBLIC in self.ids

    @property
    def of_defences(self) -> bool:
        """Whether the frontier of defences is asked for."""
        return _DEFENCES in self.ids

    @property
    def experiments(self) -> "list[Experiment]":
        """The distinct experiments, in the order of the paper."""
        from seatbelt_vae.paper import DEFENCES, PROBED_DEFENCES

        if self.of_defences:
            return [DEFENCES, PROBED_DEFENCES]
        return [e for name, e in _experiments().items() if _ALL in self.ids or name in self.ids]

    @property
    def sizes(self) -> "Mapping[str, Size]":
        """The sizes of the experiments."""
        from seatbelt_vae.paper import DEFENCE_SIZES, SIZES

        return DEFENCE_SIZES if self.of_defences else SIZES

    @property
    def folder(self) -> Path:
        """The folder of the reproduction."""
        if self.public:
            return self.out or Path("runs", "reproduction", _PUBLIC)
        kind = _DEFENCES if self.of_defences else "reproduction"
        return self.out or Path("runs", kind, self.size)

    @property
    def folders_of_sets(self) -> dict[str, str]:
        """The folder of each data set."""
        return {name: folder for name, _, folder in (root.partition("=") for root in self.roots)}

    @property
    def _sets(self) -> list[str]:
        """Data sets of all experiments at the size."""
        known = self.experiments if self.of_defences else _experiments().values()
        members = (member for e in known for member in e.members(self.sizes[self.size]))
        return sorted({member.model.data for member in members})

    to_resume = AGAIN


@dataclass(frozen=True)
class Claims:
    """Answer the twelve claims of Willetts et al. (2021) from stored rows.

    The answers of one folder have their reasons and contrasts; those of several are side by side.

    Args:
        folders: folders that `reproduce` made, or their rows/.
    """

    folders: Positional[tuple[Path, ...]]
    output: Output = field(default_factory=Output)

    def __post_init__(self) -> None:
        if not self.folders:
            raise ConfigError("no folder given: name one or more that reproduce made")

    to_resume = "run the same command again"


def _experiments() -> "Mapping[str, Experiment]":
    """Imported here, so that other verbs do not import the experiments."""
    from seatbelt_vae.paper import EXPERIMENTS

    return EXPERIMENTS
