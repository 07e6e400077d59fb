"""Experiments as jobs: one per model, with the attacks of all its experiments."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from seatbelt_vae.config import AttackConfig, DataConfig, RunConfig
from seatbelt_vae.config.presets import preset_of
from seatbelt_vae.errors import DataError
from seatbelt_vae.paper.experiment import Experiment, PaperAttack
from seatbelt_vae.paper.paper_model import Model
from seatbelt_vae.paper.sizes import Size
from seatbelt_vae.workflow import Hardening, Job

if TYPE_CHECKING:
    from seatbelt_vae.data import ImageData

__all__ = ["Part", "Plan", "level_count", "missing_sets", "of_both_strengths", "plan", "sets_of"]

_LIKELIHOODS: Mapping[str, Literal["gaussian", "bernoulli"]] = {
    "celeba": "gaussian",
    "swiss-roll": "gaussian",
}
"""The likelihood that fits the authors' numbers; Bernoulli for all other data sets."""

_ROLL_VARIANCE = 0.01
_RESIZED = ("dsprites", "chairs", "faces", "celeba")


@dataclass(frozen=True)
class Part:
    """A model's part in an experiment: a row of the view ``members``.

    Args:
        experiment: name of the experiment.
        series: the model's line or row there.
        label: label of the model's job.
    """

    experiment: str
    series: str
    label: str


@dataclass(frozen=True)
class Plan:
    """The jobs of some experiments at a size.

    Args:
        size: the size.
        jobs: the job of each model, by label; those of hardened models are their attacks.
        parts: the models of each experiment.
        sources: the models to harden: labels of their sources by label.
    """

    size: Size
    jobs: Mapping[str, Job]
    parts: tuple[Part, ...]
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Number of attacks at each strength, one row per pair and λ or budget."""
        attacks = [attack for job in self.jobs.values() for attack in job.attacks]
        return sum(a.pairs * level_count(a) for a in attacks if a.strength == "strong")

    def without(self, labels: Collection[str]) -> "Plan":
        """The plan without the jobs of some models; its parts are the same."""
        jobs = {label: job for label, job in self.jobs.items() if label not in labels}
        sources = {label: source for label, source in self.sources.items() if label in jobs}
        return replace(self, jobs=jobs, sources=sources)

    @property
    def gate(self) -> "Plan":
        """The plan of one unpenalised model of each kind, without attacks; its parts are the same.

        These models tell whether there is a TC to penalise.
        """
        jobs = {
            label: replace(job, attacks=())
            for label, job in self.jobs.items()
            if job.run.objective.beta == self.size.least_beta
            and job.run.training.seed == self.size.seeds[0]
        }
        return replace(self, jobs=jobs, sources={})

    def hardenings(self, runs: Mapping[str, Path]) -> dict[str, Job]:
        """The jobs that harden finished runs, by label.

        Args:
            runs: folders of the finished runs by label.
        """
        return {
            label: replace(self.jobs[label], hardening=Hardening(runs[source], self.size.hardening))
            for label, source in self.sources.items()
            if source in runs
        }


def level_count(attack: AttackConfig) -> int:
    """The number of λ or budgets of a suite."""
    return len(attack.epsilons) or attack.weight_count or 0


def plan(
    experiments: Sequence[Experiment], size: Size, roots: Mapping[str, str] | None = None
) -> Plan:
    """All jobs of some experiments, each model once.

    Args:
        experiments: the experiments.
        size: the size.
        roots: folders of data sets that are read from disk, by name.
    """
    attacks: dict[Model, dict[PaperAttack, None]] = {}
    metrics: dict[Model, dict[str, None]] = {}
    classified: dict[str, str] = {}
    parts = []
    for experiment in experiments:
        classified |= experiment.classified
        for member in experiment.members(size):
            attacks.setdefault(member.model, {}).update(dict.fromkeys(experiment.attacks))
            metrics.setdefault(member.model, {}).update(dict.fromkeys(experiment.optional_metrics))
            parts.append(Part(experiment.id, member.series, member.model.label))
    jobs = {
        model.label: Job(
            run=_run(model, size, roots or {}),
            attacks=tuple(c for attack in of_model for c in of_both_strengths(attack, size)),
            evaluation=replace(
                size.evaluation,
                optional_metrics=tuple(sorted(metrics[model])),
                downstream_factor=classified.get(model.data) if metrics[model] else None,
            ),
        )
        for model, of_model in attacks.items()
    }
    sources = {m.label: replace(m, hardened=False, defence="").label for m in attacks if m.hardened}
    return Plan(size, jobs, tuple(dict.fromkeys(parts)), sources)


def sets_of(whole: Plan) -> Iterator[tuple[str, "ImageData | DataError"]]:
    """Name and data of each data set of a plan, or the error that makes it unavailable."""
    from seatbelt_vae.data.registry import source_of

    for config in {job.run.data.name: job.run.data for job in whole.jobs.values()}.values():
        try:
            yield config.name, source_of(config).load(config)
        except DataError as error:
            yield config.name, error


def missing_sets(sets: Mapping[str, "ImageData | DataError"]) -> dict[str, str]:
    """Why each unavailable data set of `sets_of` is not here, by name."""
    return {name: str(data) for name, data in sets.items() if isinstance(data, DataError)}


def _run(model: Model, size: Size, roots: Mapping[str, str]) -> RunConfig:
    roll = model.data == "swiss-roll"
    training = size.roll_training if roll else size.training
    network = replace(
        size.network,
        preset=model.preset,
        latent_sizes=model.latent_sizes,
        likelihood=size.likelihood or _LIKELIHOODS.get(model.data, "bernoulli"),
        network=model.network,
    )
    if roll:
        network = replace(
            network, network="mlp", filters=None, features=64, variance=_ROLL_VARIANCE
        )
    steps = 0 if roll else size.warm_up
    of_tc = steps if preset_of(model.preset).reads("tc_warm_up") else 0
    return RunConfig(
        data=DataConfig(
            name=model.data,
            root=roots.get(model.data),
            image_size=size.image_size if model.data in _RESIZED else None,
        ),
        model=network,
        objective=replace(model.objective, beta=model.beta, kl_warm_up=steps, tc_warm_up=of_tc),
        training=replace(training, seed=model.seed),
    )


def of_both_strengths(attack: PaperAttack, size: Size) -> Iterator[AttackConfig]:
    """The strong attack, and the published one at the same λ; it has no budgets."""
    strong = replace(size.attack, **vars(attack))
    yield strong
    if not strong.within_budget:
        yield replace(strong, strength="paper")
