"""Suites of more and more rows: seconds a row and peak memory, which should stay the same.

    python -m benchmarks.scale --json --rows 50 500 5000

Each size is a suite of its own, written to a folder that is thrown away, in a process of its own;
50 published λ a pair, the strong attack with its controls.
"""

import argparse
import json
import multiprocessing
import resource
import shutil
import tempfile
import time
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.models import MODELS, trained
from seatbelt_vae.attacks import run_suite
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.data import load_data
from seatbelt_vae.parallel.process_settings import tune_process
from seatbelt_vae.runs import RunFolder

_LEVELS = 50
_KILOBYTE = 1024


def suite(run: Path, config: AttackConfig, results: "Queue[tuple[float, int]]") -> None:
    """Seconds of a suite and the most memory its process held."""
    tune_process(1)
    data = load_data("dsprites")
    began = time.perf_counter()
    run_suite(RunFolder.open(run), data, config)
    seconds = time.perf_counter() - began
    results.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KILOBYTE))


def measure(run: RunFolder, rows: int, together: int) -> dict[str, Any]:
    """One row of the benchmark."""
    config = AttackConfig(weights="published", pairs=-(-rows // _LEVELS), together=together)
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "run"
        shutil.copytree(run.path, copy, ignore=shutil.ignore_patterns("attacks", "checkpoints"))
        process = context.Process(target=suite, args=(copy, config, results))
        process.start()
        seconds, peak = results.get()
        process.join()
        stored = sum(path.stat().st_size for path in copy.rglob("pair-*"))
    count = config.pairs * _LEVELS
    return {
        "rows": count,
        "seconds": seconds,
        "milliseconds_a_row": 1e3 * seconds / count,
        "peak_bytes": peak,
        "stored_bytes": stored,
    }


def main() -> None:
    """Print a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, default="vae")
    parser.add_argument("--rows", nargs="+", type=int, default=[50, 500, 5000])
    parser.add_argument("--together", type=int, default=1, help="pairs attacked at once")
    parser.add_argument("--folder", type=Path, default=Path("runs/benchmark"), help="of the models")
    parser.add_argument("--json", action="store_true", help="one JSON row a line, else a summary")
    arguments = parser.parse_args()
    run = trained(arguments.model, arguments.folder)
    for rows in arguments.rows:
        row = measure(run, rows, arguments.together)
        if arguments.json:
            about = {"benchmark": "scale", "model": arguments.model, **row, **machine()}
            print(json.dumps(about), flush=True)
        else:
            peak, stored = (row[name] / 2**20 for name in ("peak_bytes", "stored_bytes"))
            print(
                f"{row['rows']:6} rows: {row['milliseconds_a_row']:.0f} ms a row, "
                f"at most {peak:.0f} MiB held, {stored:.0f} MiB stored",
                flush=True,
            )


if __name__ == "__main__":
    main()
