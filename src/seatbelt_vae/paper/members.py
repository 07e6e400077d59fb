"""The view ``members``: the parts of each run in the experiments of a reproduction.

A row also has digests of the settings of its run, by which the rows of an exported store are known
again on a machine without the run folders.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seatbelt_vae.config import AttackConfig, EvaluationConfig, RunConfig
from seatbelt_vae.config.non_default import non_default
from seatbelt_vae.paper.experiment_jobs import Part, Plan
from seatbelt_vae.runs import digest_of, read_rows, write_rows
from seatbelt_vae.workflow import Hardening, Job, key_of, trained_as, training_seconds

__all__ = [
    "FILE",
    "MEMBERS",
    "MemberRun",
    "kept_parts",
    "key_of_folder",
    "keys_of_plan",
    "settings_of",
    "write_members",
]

FILE = "members.parquet"
"""The file of the view in an exported store."""

MEMBERS = Path("evaluation", FILE)
"""The file of the view in a run folder."""


@dataclass(frozen=True)
class MemberRun:
    """The rows of one run.

    Args:
        settings: see `settings_of`; empty in rows of earlier versions.
        roles: experiment and series of each part.
        training_s: CPU time of the training in seconds; None for a model that others trained.
    """

    settings: tuple[str, ...]
    roles: tuple[tuple[str, str], ...]
    training_s: float | None = None

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, Any]]) -> "MemberRun":
        """The inverse of `rows`."""
        found = list(rows)
        return cls(
            tuple(found[0].get("settings") or ()),
            tuple((row["experiment"], row["series"]) for row in found),
            found[0].get("training_s"),
        )

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row per part."""
        time = {} if self.training_s is None else {"training_s": self.training_s}
        about = {**time, "settings": list(self.settings)}
        return [{"experiment": name, "series": series, **about} for name, series in self.roles]

    @property
    def key(self) -> str:
        """The digest of the model, see `keys_of_plan`; empty if unknown."""
        return self.settings[0] if self.settings else ""

    def parts(self, label: str) -> list[Part]:
        """The parts of the model with this label."""
        return [Part(experiment, series, label) for experiment, series in self.roles]

    def with_parts(self, parts: Iterable[Part]) -> "MemberRun":
        """The same run with other parts."""
        return replace(self, roles=tuple((part.experiment, part.series) for part in parts))


def keys_of_plan(whole: Plan) -> dict[str, str]:
    """The digest of each model of a plan by label, without its data root.

    A later command may give another root, or none.
    """
    hardening = Hardening(Path(), whole.size.hardening).decisive
    return {
        label: _key(job.run, hardening if label in whole.sources else None)
        for label, job in whole.jobs.items()
    }


def key_of_folder(folder: Path) -> str:
    """The digest of the model of a run folder, as in `keys_of_plan`."""
    return _key(*trained_as(folder))


def settings_of(key: str, job: Job) -> tuple[str, ...]:
    """Digests of a model, its attacks, its evaluation, and each optional metric.

    A run with all of them has the rows that the job would give.
    """
    found = [key, *(_digest(attack) for attack in job.attacks)]
    if (evaluation := job.evaluation) is not None:
        base = _digest(replace(evaluation, optional_metrics=()))
        found += [base, *(digest_of([base, name]) for name in evaluation.optional_metrics)]
    return tuple(found)


def _digest(config: AttackConfig | EvaluationConfig) -> str:
    return digest_of([type(config).__name__, non_default(replace(config, threads=None))])


def _key(run: RunConfig, hardening: Mapping[str, Any] | None) -> str:
    return key_of(replace(run, data=replace(run.data, root=None)), hardening)


def kept_parts(earlier: Iterable[Part], requested: Plan, known: Plan) -> list[Part]:
    """The parts that a reproduction leaves as they are.

    Args:
        earlier: the parts of a run.
        requested: plan of the requested experiments, with the jobs that this machine can run.
        known: plan of all experiments of the size; parts of other ones are dropped.
    """
    renewed = {part.experiment for part in requested.parts}
    return [
        part
        for part in earlier
        if (part in known.parts and part.experiment not in renewed)
        or (part in requested.parts and part.label not in requested.jobs)
    ]


def write_members(
    runs: Path, requested: Plan, known: Plan, keys: Mapping[str, str], made: Mapping[str, Path]
) -> set[Part]:
    """Write the view into each run folder, and return its parts.

    Runs of other settings or of another size are removed from the view.

    Args:
        runs: the folder of run folders.
        requested, known: see `kept_parts`.
        keys: the key of each model by label.
        made: the finished run folders by label.
    """
    labels = {key: label for label, key in keys.items()}
    earlier = {path: MemberRun.of_rows(read_rows(path)) for path in runs.glob(f"*/{MEMBERS}")}
    new = {made_folder / MEMBERS: label for label, made_folder in made.items()}
    found: set[Part] = set()
    for path in {**earlier, **new}:
        key = key_of_folder(path.parents[1])
        before, label = earlier.get(path, MemberRun((), ())), labels.get(key, "")
        parts, settings = kept_parts(before.parts(label), requested, known), before.settings
        if path in new:
            parts += [part for part in requested.parts if part.label == label]
            settings = (*settings_of(key, requested.jobs[label]), *settings)
        if parts:
            time, settings = training_seconds(path.parents[1]), tuple(dict.fromkeys(settings))
            write_rows(path, MemberRun(settings, (), time).with_parts(parts).rows)
        else:
            path.unlink()
        found.update(parts)
    return found
