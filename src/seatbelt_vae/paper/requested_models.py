"""The models that a reproduction asks for: those to make, and those that are made already."""

from collections.abc import Collection, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from seatbelt_vae.errors import DataError
from seatbelt_vae.evaluation.measures import MODEL_MEASURES
from seatbelt_vae.paper.experiment import Experiment
from seatbelt_vae.paper.experiment_jobs import Part, Plan, missing_sets, plan, sets_of
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.members import key_of_folder, keys_of_plan, write_members
from seatbelt_vae.paper.sizes import Size
from seatbelt_vae.paper.stored_rows import ROWS, StoredRuns, stored_runs
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.workflow import Job

if TYPE_CHECKING:
    from seatbelt_vae.data import ImageData

__all__ = ["RequestedModels"]


@dataclass(frozen=True)
class RequestedModels:
    """The models that are asked for, and those that are made already.

    Args:
        out: the folder of the reproduction.
        requested: plan of the requested experiments.
        here: the same with the jobs that this machine has the data of.
        known: plan of all experiments of the size.
        keys: the key of each model by label.
        missing: the reason for each unavailable data set.
        stored: models of which ``out`` has the rows but no run folder.
        gate: whether only unpenalised models are asked for, without attacks.
    """

    out: Path
    requested: Plan
    here: Plan
    known: Plan
    keys: Mapping[str, str]
    missing: Mapping[str, str]
    stored: StoredRuns
    gate: bool

    @classmethod
    def of(
        cls,
        experiments: Sequence[Experiment],
        size: Size,
        out: Path,
        roots: Mapping[str, str] | None,
        *,
        gate: bool = False,
    ) -> "RequestedModels":
        """Raises `DataError` if nothing can be made, and nothing is stored."""
        requested, known = plan(experiments, size, roots), plan(tuple(EXPERIMENTS.values()), size)
        if gate:
            requested = requested.gate
        keys = keys_of_plan(known) | keys_of_plan(requested)
        here, missing = _available(requested)
        stored = _stored(out, here, known, keys)
        if not (here.jobs or stored.names):
            raise DataError("; ".join(missing.values()))
        return cls(out, requested, here, known, keys, missing, stored, gate)

    @property
    def left(self) -> Plan:
        """The jobs without stored rows, and the sources of models that are still to be hardened."""
        jobs, sources, whole = self.here.jobs, self.here.sources, self.stored.whole
        needed = {sources[label] for label in sources if label in jobs and label not in whole}
        return self.here.without(whole - needed)

    def after(self, made: Collection[str]) -> "RequestedModels":
        """The same once some models are made: their run folders replace stored rows."""
        return replace(self, stored=self.stored.without(set(made)))

    def write_members(self, runs: Mapping[str, RunFolder]) -> set[Part]:
        """Write the view ``members`` of all runs, and return the parts of all finished models."""
        made = {label: run.path for label, run in runs.items()}
        written = write_members(self.out / "runs", self.here, self.known, self.keys, made)
        return written | self.stored.parts

    def missing_of(self, parts: Set[Part]) -> dict[str, str]:
        """The unavailable data sets that have models beyond these parts."""
        lacking = [part.label for part in self.requested.parts if part not in parts]
        jobs = self.requested.jobs
        sets = {jobs[label].run.data.name for label in lacking if label in jobs}
        return {data: why for data, why in self.missing.items() if data in sets}


def _available(whole: Plan) -> tuple[Plan, dict[str, str]]:
    """The plan with the jobs that this machine has the data of, and the unavailable data sets."""
    sets = dict(sets_of(whole))
    jobs = {
        label: _measurable(job, data)
        for label, job in whole.jobs.items()
        if not isinstance(data := sets[job.run.data.name], DataError)
    }
    return replace(whole, jobs=jobs), missing_sets(sets)


def _stored(out: Path, whole: Plan, known: Plan, keys: Mapping[str, str]) -> StoredRuns:
    """The models of which ``out`` has the rows but no run folder."""
    here = {key_of_folder(path.parent) for path in (out / "runs").glob("*/run.json")}
    return stored_runs(out / ROWS, whole, known, keys, here)


def _measurable(job: Job, data: "ImageData") -> Job:
    """The job without the optional metrics that the data set cannot have."""
    assert job.evaluation is not None
    kept = []
    for name in job.evaluation.optional_metrics:
        with suppress(DataError):
            if check := MODEL_MEASURES[name].check:
                check(data, job.evaluation)
            kept.append(name)
    return replace(job, evaluation=replace(job.evaluation, optional_metrics=tuple(kept)))
