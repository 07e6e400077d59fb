"""Short jobs, and an engine that runs tasks in the process of the test."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from seatbelt_vae.config import AttackConfig, EvaluationConfig
from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.parallel.worker_pool import JobProgress, ProgressReporter
from seatbelt_vae.runs import read_json, read_rows, read_tensors
from seatbelt_vae.sweep import Task
from seatbelt_vae.workflow import Job, carry_out
from tests.training import small

ATTACK = AttackConfig(
    pairs=3, weight_count=2, max_evaluations=8, restarts=1, fresh_draws=2, gradient_free=4
)
EVALUATION = EvaluationConfig(
    images=20, iwae_draws=2, aggregate_images=50, aggregate_queries=10, max_chains=8, traversals=1
)
SUITE = "latent-kl-strong"


def job(preset: str = "vae", **training: Any) -> Job:
    """A job with a small model of the Swiss roll, one suite and an evaluation."""
    settings = {"steps": 20, "checkpoint_every": 5, **training}
    return Job(small.config(preset, **settings), (ATTACK,), EVALUATION)


def silent(*_: object) -> None:
    """Discards all progress."""


def never() -> bool:
    """Requests no stop."""
    return False


def made(folder: Path) -> dict[str, Any]:
    """All results of a job: bytes of the weights, and rows of everything else."""
    suite = folder / "attacks" / SUITE
    # a hardened model has no metrics of a training
    metrics = read_rows(folder / "metrics") if (folder / "metrics").exists() else []
    return {
        "weights": (folder / "model.safetensors").read_bytes(),
        "metrics": [_known(row) for row in metrics],
        "attacks": read_rows(suite, "pair-*.parquet"),
        "measures": read_rows(suite / "measures"),
        "pairs": read_rows(suite / "pairs"),
        "images": {
            path.name: {name: t.numpy().tobytes() for name, t in read_tensors(path).items()}
            for path in sorted(suite.glob("pair-*.safetensors"))
        },
        "summary": (suite / "summary.json").read_bytes(),
        "evaluation": (folder / "evaluation" / "measures.json").read_bytes(),
    }


def ends(folder: Path) -> list[str | None]:
    """How each attempt of a job ended."""
    return [row["end"] for row in read_json(folder / "attempts.json")]


def _known(row: dict[str, Any]) -> dict[str, Any]:
    """A row without nulls, since the columns of a part depend on where training was interrupted."""
    return {name: value for name, value in row.items() if value is not None}


@dataclass(frozen=True)
class Here:
    """An engine that runs tasks in this process; their labels are appended to ``did``."""

    did: list[str]

    def run(
        self,
        tasks: Mapping[str, Task],
        on_progress: Callable[[JobProgress], None],
        on_end: Callable[[str, str], None],
    ) -> dict[str, str]:
        self.did.extend(tasks)
        ended = {
            label: _done(task, partial(_tell, on_progress, label)) for label, task in tasks.items()
        }
        for label, failure in ended.items():
            on_end(label, failure)
        return {label: failure for label, failure in ended.items() if failure}


def _done(task: Task, tell: ProgressReporter) -> str:
    try:
        carry_out(task.folder, task.job, tell, never)
    except SeatbeltError as error:
        return str(error)
    return ""


def _tell(on_progress: Callable[[JobProgress], None], label: str, *news: Any) -> None:
    on_progress(JobProgress(label, *news))


def trained_only(job: Job) -> Job:
    """The job without attacks and evaluation."""
    return replace(job, attacks=(), evaluation=None)
