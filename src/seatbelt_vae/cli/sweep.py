"""``sweep``: train every combination of some settings, and list what came out."""

from seatbelt_vae.cli.grid import settings_of
from seatbelt_vae.cli.options import Sweep
from seatbelt_vae.cli.output import print_json, print_table
from seatbelt_vae.cli.progress import ProgressLines
from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.runs import RunFolder, read_rows
from seatbelt_vae.side_by_side import News
from seatbelt_vae.sweep import run_sweep

__all__ = ["run"]

_COLUMNS = {"ELBO": "elbo", "log-likelihood": "log_likelihood"}


def run(options: Sweep) -> None:
    """Train what is not trained, and print the last validation of each run.

    Raises:
        SeatbeltError: a run failed; the others' results are printed first.
    """
    configs = settings_of(options)
    with ProgressLines(quiet=options.output.quiet) as progress:

        def show(now: News) -> None:
            progress.show(f"{now.job}  {now.what}", now.done, now.total, now.detail, line=now.job)

        result = run_sweep(options.folder, configs, jobs=options.jobs, on_news=show)
    found = {name: _validation(folder) for name, folder in result.runs.items()}
    if options.output.json:
        print_json({"folder": str(options.folder), "runs": found, "failures": result.failures})
    elif found:
        rows = [
            [name, *(f"{terms[key]:.1f}" for key in _COLUMNS.values())]
            for name, terms in found.items()
        ]
        print_table(f"{options.folder}: held-out images, nats", ["run", *_COLUMNS], rows)
    if result.failures:
        raise SeatbeltError("; ".join(f"{name}: {why}" for name, why in result.failures.items()))


def _validation(folder: RunFolder) -> dict[str, float]:
    rows = read_rows(folder.path / "metrics")
    last = [row for row in rows if row["split"] == "validation"][-1]
    return {name: last[name] for name in _COLUMNS.values()}
