"""``reproduce``: figures and tables of the paper; ``claims``: answers to its claims."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from seatbelt_vae.cli.job_progress import at_work, engine_of, show_all, show_each
from seatbelt_vae.cli.paper_options import Claims, Reproduce
from seatbelt_vae.cli.stdout import print_json, print_table
from seatbelt_vae.errors import SeatbeltError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate
    from seatbelt_vae.paper.claims import Answer
    from seatbelt_vae.paper.experiment_jobs import Plan
    from seatbelt_vae.paper.reproduce import Reproduction

__all__ = ["run", "run_claims"]


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
            _print_answers(result.answers)
        for data, why in result.missing.items():
            print(f"without {data}: {why}")
        print(result.page)


def run_claims(options: Claims) -> None:
    """Answer the claims from stored rows, and print them."""
    from seatbelt_vae.paper.claims import answer_all, record_of
    from seatbelt_vae.paper.stored_rows import ROWS
    from seatbelt_vae.results import Store

    exported = options.folder / ROWS
    answers = answer_all(Store.open([exported if exported.exists() else options.folder]))
    if options.output.json:
        print_json({"claims": [record_of(answer) for answer in answers]})
        return
    _print_answers(answers)
    for answer in answers:
        rows = [
            [data, e.contrast.words, e.contrast.strength or "–", *_numbers(e.estimate)]
            for data, effects in answer.effects.items()
            for e in effects
        ]
        rows += [
            [data, f"precondition: {found.series} at β = 1, {found}", *"–––"]
            for data, required in answer.preconditions.items()
            for found in required
        ]
        if rows:
            head = ["data", "positive (or above 1) if", "strength", "effect", "95 % interval"]
            print_table(f"{answer.claim.id}: {answer.claim.text}", head, rows)


def _print_answers(answers: "Sequence[Answer]") -> None:
    if not answers:
        print("these experiments decide no claim")
        return
    rows = [[a.claim.id, a.claim.text, a.verdict, a.why] for a in answers]
    print_table("claims of Willetts et al. (2021)", ["", "claim", "answer", "why"], rows)


def _numbers(estimate: "CrossedEstimate") -> list[str]:
    if estimate.value is None:
        return ["–", "–"]
    interval = "–" if estimate.low is None else f"{estimate.low:.3g} … {estimate.high:.3g}"
    return [f"{estimate.value:.3g}", interval]


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
