"""The steps of the workflow: train, attack and measure, evaluate; each reports its progress.

A step imports only the packages that it uses, and runs on the CPU threads of the process. A step
that was interrupted and is called again ends in the same weights and rows.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatbelt_vae.config import AttackConfig, EvaluationConfig, RunConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.subjects import Subject
from seatbelt_vae.workflow.status import with_known_metrics

if TYPE_CHECKING:
    from seatbelt_vae.training import Progress

__all__ = ["Between", "attack_subject", "evaluate_subject", "train_run"]

Between = Callable[[str, int, int], None]
"""Called between two parts of a step with the activity, the parts done, and their number."""


def train_run(
    run: RunFolder,
    data: ImageData,
    on_progress: "Callable[[Progress], None]",
    stopped: Callable[[], bool],
    settings: RunConfig | None = None,
) -> None:
    """Train a run's model to the end; ``settings`` may differ from those of the run as in `train`.

    Raises:
        KeyboardInterrupt: a stop was requested, and a checkpoint is written.
    """
    from seatbelt_vae.training import train

    train(run, data, settings=settings, on_progress=on_progress, stop=stopped)
    if stopped():
        raise KeyboardInterrupt


def attack_subject(
    subject: Subject,
    data: ImageData,
    config: AttackConfig,
    *,
    sibling: Path | None = None,
    between: Between = lambda *_: None,
) -> tuple[Path, dict[str, Any]]:
    """Attack a subject with one suite and measure it.

    Returns:
        The suite's folder, and the content of its ``summary.json``.
    """
    from seatbelt_vae.attacks import run_suite
    from seatbelt_vae.evaluation import measure_suite

    between("attacking", 0, config.pairs)
    suite = run_suite(
        subject,
        data,
        config,
        sibling=sibling,
        on_pairs=lambda now: between("attacking", now.done, now.pairs),
    )
    summary = measure_suite(
        suite,
        subject.for_inference,
        on_progress=lambda done, pairs: between("measuring", done, pairs),
    )
    return suite, summary


def evaluate_subject(
    subject: Subject,
    data: ImageData,
    settings: EvaluationConfig,
    *,
    between: Between = lambda *_: None,
) -> dict[str, Any]:
    """Evaluate a subject, including the optional metrics of an earlier evaluation.

    Returns:
        The content of ``measures.json``.
    """
    from seatbelt_vae.evaluation import evaluate

    return evaluate(
        subject,
        data,
        with_known_metrics(subject.place, settings),
        on_progress=lambda what, done, total: between(f"evaluating {what}", done, total),
    )
