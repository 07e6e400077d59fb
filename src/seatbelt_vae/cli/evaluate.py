"""``evaluate``: the measures of one run's model on held-out images."""

from collections.abc import Iterator, Mapping
from typing import Any

from seatbelt_vae.cli.options import Evaluate
from seatbelt_vae.cli.output import print_json, print_table
from seatbelt_vae.cli.progress import ProgressLines
from seatbelt_vae.cli.trained import check_trained, load_data
from seatbelt_vae.parallel.own_process import tune_process
from seatbelt_vae.sweep.done import with_what_is_measured

__all__ = ["run"]


def run(options: Evaluate) -> None:
    """Evaluate and print the measures."""
    folder = check_trained(options.folder)
    settings = with_what_is_measured(folder.path, options.evaluation)
    with ProgressLines(quiet=options.output.quiet) as progress:
        from seatbelt_vae.evaluation import evaluate

        tune_process(settings.threads)
        measures = evaluate(
            folder,
            load_data(folder, options.root),
            settings,
            on_progress=lambda what, done, total: progress.show(
                f"evaluating {what}", done, total, line="evaluating"
            ),
        )
    if options.output.json:
        print_json({"run": str(options.folder), **measures})
        return
    rows = [[name, value] for name, value in _flat(measures)]
    print_table(f"{options.folder} (nats per example)", ["measure", "value"], rows)


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
