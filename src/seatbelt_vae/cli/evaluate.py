"""``evaluate``: measure one model on held-out images."""

from collections.abc import Iterator, Mapping
from typing import Any

from seatbelt_vae.cli.options import Evaluate
from seatbelt_vae.cli.progress_bars import ProgressLines
from seatbelt_vae.cli.stdout import print_json, print_table
from seatbelt_vae.cli.targets import check_target, load_target
from seatbelt_vae.parallel.process_settings import tune_process

__all__ = ["run"]


def run(options: Evaluate) -> None:
    """Evaluate and print the measures."""
    check_target(options)
    with ProgressLines(quiet=options.output.quiet) as progress:
        from seatbelt_vae.workflow.steps import evaluate_subject

        def show(activity: str, done: int, total: int) -> None:
            progress.show(activity, done, total, line="evaluating")

        tune_process(options.evaluation.threads)
        subject, data = load_target(options, progress.say)
        measures = evaluate_subject(subject, data, options.evaluation, between=show)
    if options.output.json:
        print_json({"run": str(subject.place), **measures})
        return
    rows = [[name, value] for name, value in _flat(measures)]
    print_table(f"{subject.place} (nats per example)", ["measure", "value"], rows)


def _flat(measures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in measures.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name} ")
        elif isinstance(value, list):
            yield f"{prefix}{name}", " ".join(_number(item) for item in value)
        else:
            yield f"{prefix}{name}", _number(value)


def _number(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
