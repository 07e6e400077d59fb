"""``sweep``: run a grid, several jobs at a time, and print a table of the results."""

from typing import Any

from seatbelt_vae.cli.grid import grid_of, out_of
from seatbelt_vae.cli.job_progress import at_work, engine_of, show_all, show_each
from seatbelt_vae.cli.options import Sweep
from seatbelt_vae.cli.stdout import print_json, print_table
from seatbelt_vae.config.attack import suite_name
from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.runs import RunFolder, read_rows
from seatbelt_vae.sweep import Grid, run_sweep

__all__ = ["run"]

_LIKELIHOODS = {"ELBO": "elbo", "log-likelihood": "log_likelihood"}
_GAP = "gap@0.2"


def run(options: Sweep) -> None:
    """Run the unfinished jobs, and print the results of all runs.

    Raises:
        SeatbeltError: a run failed; the results of the other runs are printed before.
    """
    grid = grid_of(options)
    out = out_of(options, grid)
    with at_work(options.output) as progress:
        result = run_sweep(
            out,
            grid.jobs,
            engine=engine_of(options.engine, options.address, options.jobs),
            on_progress=show_each(progress),
            on_jobs=show_all(progress),
        )
    failures = grid.impossible | result.failures
    found = {label: _known(folder, grid) for label, folder in result.runs.items()}
    if options.output.json:
        print_json({"folder": str(out), "runs": found, "failures": failures})
    elif found:
        _print(str(out), found, grid)
    if failures:
        raise SeatbeltError("; ".join(f"{label}: {error}" for label, error in failures.items()))


def _known(folder: RunFolder, grid: Grid) -> dict[str, Any]:
    """The folder of a run, and the numbers of its row in the table."""
    measures = _validation(folder) if grid.evaluation is None else _evaluation(folder)
    gaps = {suite: _gap(folder, suite) for suite in map(suite_name, grid.attack)}
    return {"run": str(folder.path), **measures, **({_GAP: gaps} if gaps else {})}


def _evaluation(folder: RunFolder) -> dict[str, float]:
    measures = folder.read_json("evaluation/measures.json")
    return {name: measures[name] for name in _LIKELIHOODS.values()}


def _validation(folder: RunFolder) -> dict[str, float]:
    rows = read_rows(folder.path / "metrics")
    last = [row for row in rows if row["split"] == "validation"][-1]
    return {name: last[name] for name in _LIKELIHOODS.values()}


def _gap(folder: RunFolder, suite: str) -> float | None:
    summary = folder.read_json(f"attacks/{suite}/summary.json")
    gap: float | None = summary["measures"][_GAP]["value"]
    return gap


def _print(out: str, found: dict[str, dict[str, Any]], grid: Grid) -> None:
    suites = [suite_name(attack) for attack in grid.attack]
    columns = ["run", *_LIKELIHOODS, *(f"{_GAP} {suite}" for suite in suites)]
    rows = [
        [
            label,
            *(f"{known[name]:.1f}" for name in _LIKELIHOODS.values()),
            *(_share(known[_GAP][suite]) for suite in suites),
        ]
        for label, known in found.items()
    ]
    print_table(f"{out}: held-out images, likelihoods in nats", columns, rows)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
