"""``demo``: a table and a report of three models; with ``--quick`` one picture of two."""

from typing import Any

from seatbelt_vae.cli.options import Demo
from seatbelt_vae.cli.progress_bars import ProgressLines
from seatbelt_vae.cli.stdout import print_json, print_table
from seatbelt_vae.demo import DEMO, Plan, run_demo, run_quick_demo
from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.parallel.worker_pool import JobProgress
from seatbelt_vae.runs import RunFolder

__all__ = ["run"]

_COLUMNS = {
    "IoU ↑": "iou",
    "unexplained variance ↓": "unexplained_variance",
    "r/r₀ under attack ↑": "divergence_ratio",
    "Δ/bound ↑": "delta_over_bound",
    "gap at ε=.2 ↑": "gap@0.2",
    "AUDDC ↑": "auddc",
}


def run(options: Demo) -> None:
    """Run the demo, print the table and the path of the report.

    Raises:
        SeatbeltError: a model failed; the results of the other models are printed first.
    """
    if options.quick:
        _run_quick(options)
        return
    plan = DEMO.with_seed(options.seed, options.steps)
    with ProgressLines(quiet=options.output.quiet) as progress:

        def show(now: JobProgress) -> None:
            label = f"{now.job:<10} {now.what}"
            progress.show(label, now.done, now.total, now.detail, line=now.job)

        result = run_demo(options.out, plan, on_progress=show)
    models = {path.name: _measures(RunFolder.open(path), plan) for path in result.runs}
    report = None if result.report is None else str(result.report)
    if options.output.json:
        print_json({"report": report, "models": models, "failures": result.failures})
    elif models:
        _print(models, plan)
        print(f"report: {report}")
    if result.failures:
        raise SeatbeltError("; ".join(f"{name}: {why}" for name, why in result.failures.items()))


def _run_quick(options: Demo) -> None:
    """Attack two models of the zoo, and print the path of the picture with the shares."""
    with ProgressLines(quiet=options.output.quiet) as progress:
        result = run_quick_demo(options.out, on_progress=lambda *now: progress.show(*now))
    if options.output.json:
        print_json({"picture": str(result.picture), "gaps": result.gaps})
        return
    plain, defended = (f"{100 - 100 * gap:.0f} %" for gap in result.gaps.values())
    print(
        "A distortion 20 % as large as the difference between two faces moves the reconstruction\n"
        f"of a plain VAE {plain} of the way to the other face, that of a defended VAE {defended}.\n"
        f"picture: {result.picture}"
    )


def _measures(run: RunFolder, plan: Plan) -> dict[str, Any]:
    """The numbers of the table, and the raised flags."""
    from seatbelt_vae.attacks import suite_name

    summary = run.read_json(f"attacks/{suite_name(plan.attack)}/summary.json")
    attacked = {name: measure["value"] for name, measure in summary["measures"].items()}
    measures = {**run.read_json("evaluation/measures.json"), **attacked}
    flags = [flag["name"] for flag in summary["flags"] if flag["raised"]]
    return {**{key: measures[key] for key in _COLUMNS.values()}, "flags": flags}


def _print(models: dict[str, dict[str, Any]], plan: Plan) -> None:
    rows = [
        [name, *(_number(measures[key]) for key in _COLUMNS.values())]
        for name, measures in models.items()
    ]
    print_table("seatbelt-vae demo", ["model", *_COLUMNS], rows)
    for name, measures in models.items():
        for flag in measures["flags"]:
            print(f"{name}: flag raised: {flag}")
    print(
        f"one seed, {plan.attack.pairs} pairs: points, no intervals; aggregate posterior over "
        f"{plan.evaluation.aggregate_images:,} training images"
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
