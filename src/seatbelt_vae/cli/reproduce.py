"""``reproduce``: figures and tables of the paper."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from seatbelt_vae.cli.claims import print_answers
from seatbelt_vae.cli.job_progress import at_work, engine_of, show_all, show_each
from seatbelt_vae.cli.paper_options import Reproduce
from seatbelt_vae.cli.stdout import print_json, print_table
from seatbelt_vae.errors import SeatbeltError

if TYPE_CHECKING:
    from seatbelt_vae.paper.experiment_jobs import Plan
    from seatbelt_vae.paper.reproduce import Reproduction

__all__ = ["run"]


def run(options: Reproduce) -> None:
    """Make the figures, print the answers and the path of the page.

    Raises:
        SeatbeltError: a model was not finished; the page is written without it.
    """
    from seatbelt_vae.paper.experiment_jobs import plan

    experiments = options.experiments
    size, roots = options.sizes[options.size], options.folders_of_sets
    if options.estimate:
        _print_cost(options, plan(experiments, size, roots))
        return
    from seatbelt_vae.paper.reproduce import reproduce
    from seatbelt_vae.paper.reproduce_public import reproduce_public

    with at_work(options.output) as progress:
        show = show_each(progress)
        if options.models is not None:
            result = reproduce_public(
                *(options.models, size, options.folder),
                roots=roots,
                jobs=options.jobs,
                finished_only=options.finished,
                on_progress=show,
            )
        else:
            result = reproduce(
                *(experiments, size, options.folder),
                roots=roots,
                engine=engine_of(options.engine, options.address, options.jobs),
                gate=options.gate,
                finished_only=options.finished,
                on_progress=show,
                on_jobs=show_all(progress),
            )
    _print(options, result)
    if result.failures:
        raise SeatbeltError("; ".join(f"{label}: {why}" for label, why in result.failures.items()))


def _print(options: Reproduce, result: "Reproduction") -> None:
    """Print the findings or the answers, and the path of the page."""
    from seatbelt_vae.paper.claims import record_of

    if options.output.json:
        answers = [record_of(answer) for answer in result.answers]
        parts = {"page": str(result.page), "failures": result.failures, "missing": result.missing}
        found = {one.panel: one.sentences for one in result.findings}
        print_json({**parts, "findings": found} if found else {**parts, "claims": answers})
    else:
        for one in result.findings:
            print("\n".join((one.panel, *(f"  {sentence}" for sentence in one.sentences))))
        if not result.findings:
            print_answers(result.answers)
        for data, why in result.missing.items():
            print(f"without {data}: {why}")
        print(result.page)


def _print_cost(options: Reproduce, whole: "Plan") -> None:
    from seatbelt_vae.paper.estimate import estimate

    cost = estimate(whole)
    if options.output.json:
        print_json({**asdict(cost), "hours": cost.hours})
        return
    rows = [
        ["models", f"{cost.models:,}", ""],
        ["optimiser steps", f"{cost.steps:,}", f"{cost.training_hours:.1f}"],
        *(
            [f"rows, {strength} attack", f"{cost.rows:,}", f"{hours:.1f}"]
            for strength, hours in cost.attack_hours.items()
        ),
        ["total", "", f"{cost.hours:.1f}"],
    ]
    print_table(f"size {options.size}", ["", "count", "hours of one process"], rows)
    print(f"timed on {', '.join(cost.timed)}; the cost of other models differs")
    for data, why in cost.missing.items():
        print(f"without {data}: {why}")
