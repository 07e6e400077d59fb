"""``attack``: attack a model with one suite, and measure the result."""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from seatbelt_vae.cli.options import Attack
from seatbelt_vae.cli.progress_bars import ProgressLines
from seatbelt_vae.cli.stdout import print_json, print_table
from seatbelt_vae.cli.targets import check_target, check_trained, load_target
from seatbelt_vae.config.attack import parse_layers
from seatbelt_vae.parallel.operating_system import available_cores
from seatbelt_vae.parallel.process_settings import threads_beside, tune_process
from seatbelt_vae.parallel.worker_pool import ProgressReporter, helpers

__all__ = ["run"]

Show = Callable[[str, int, int], None]


def run(options: Attack) -> None:
    """Attack and measure a model, and print the summary."""
    run_folder = check_target(options)
    if run_folder is not None:
        sizes = run_folder.read_json("model.json")["latent_sizes"]
        parse_layers(options.attack.layers, len(sizes))
    if options.sibling is not None:
        check_trained(options.sibling)
    processes = _processes(options)
    threads = threads_beside(processes, options.attack.threads)
    options = replace(options, attack=replace(options.attack, threads=threads))
    with ProgressLines(quiet=options.output.quiet) as progress:
        progress.show("attacking", 0, options.attack.pairs, "pairs")

        def show(activity: str, done: int, total: int) -> None:
            progress.show(activity, done, total, "pairs")

        work = partial(_help, options)
        with helpers(processes - 1, work, threads=threads or 1, on_failure=progress.say):
            suite, summary = _attack_and_measure(options, show, progress.say)
    _print(suite, summary, options)


def _processes(options: Attack) -> int:
    """The number of processes: that of the flag, or one per core; at most one per chunk."""
    chunks = -(-options.attack.pairs // options.attack.together)
    return min(options.processes or available_cores(), chunks)


def _help(options: Attack, _tell: ProgressReporter, stopped: Callable[[], bool]) -> None:
    """Attack and measure in a helper process."""

    def check(*_: object) -> None:
        if stopped():
            raise KeyboardInterrupt

    logging.getLogger("seatbelt_vae").setLevel(logging.ERROR)  # the first process logs the same
    _attack_and_measure(options, check)


def _attack_and_measure(
    options: Attack, show: Show, say: Callable[[str], object] = lambda _: None
) -> tuple[Path, dict[str, Any]]:
    from seatbelt_vae.workflow.steps import attack_subject

    tune_process(options.attack.threads)
    subject, data = load_target(options, say)
    return attack_subject(subject, data, options.attack, sibling=options.sibling, between=show)


def _print(suite: Path, summary: dict[str, Any], options: Attack) -> None:
    if options.output.json:
        print_json({"suite": str(suite), **summary})
        return
    rows = [[name, *_shown(measure)] for name, measure in summary["measures"].items()]
    print_table(str(suite), ["measure", "value", "95 % interval", "unit"], rows)
    if summary["pairs"] < 10:
        print(f"{summary['pairs']} pairs: points, no intervals (10 or more are needed)")
    for flag in summary["flags"]:
        if flag["raised"]:
            print(f"flag raised: {flag['name']} ({flag['detail']})")


def _shown(measure: dict[str, Any]) -> list[str]:
    value, low, high = (measure[key] for key in ("value", "low", "high"))
    interval = "–" if low is None or high is None else f"{low:.4g} … {high:.4g}"
    return ["–" if value is None else f"{value:.4g}", interval, measure["unit"]]
