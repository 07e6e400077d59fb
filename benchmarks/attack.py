"""The strong attack against the published loop (SciPy's L-BFGS-B, one pair and λ at a time).

    python -m benchmarks.attack --json
    python -m benchmarks.attack --models conv mlp --efforts defaults small --rows 50

Ours: everything the strong attack does to 10 pairs × 50 published λ (5 λ and one restart with
`--efforts small`, as in `reproduce --size small`), with one process per core.
Baseline: the eager network in evaluation mode, float32, with d in float64, m = 25, factr = 10, at
most 500 iterations, start U(±10⁻⁸), in one process with the better of one thread and all, on a
random sample of our rows. The ratio at equal cores takes one core on either side. BoTorch's batched
L-BFGS-B, if installed (botorch==0.18.1), gets the first pair on one core.
"""

import argparse
import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from benchmarks import batched_lbfgsb
from benchmarks.flops import counted, gemm_rate
from benchmarks.machine import machine
from benchmarks.models import MODELS, SMALL_MODELS, images_of, trained
from benchmarks.published_loop import against_scipy
from seatbelt_vae.attacks import Problem, attack
from seatbelt_vae.attacks.losses import loss_of
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.models import fold_batch_norm, load_model
from seatbelt_vae.paper.sizes import SMALL
from seatbelt_vae.parallel.operating_system import available_cores
from seatbelt_vae.parallel.process_settings import tune_process
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.randomness import Stream, generator_for
from seatbelt_vae.runs import RunFolder

_EFFORTS = {"defaults": AttackConfig(weights="published"), "small": SMALL.attack}
"""Those of the results in the documents: `attack` by default, `reproduce --size small`."""


@dataclass(frozen=True)
class Share:
    """What one process of ours did.

    Args:
        first: its first pair.
        begun, ended: on the clock that all processes share.
        network: seconds in the network, forward and backward.
        evaluations: gradient evaluations, all rows, on all noise draws.
        coarse: the same on one draw.
        delta, unconverged, exceeds: of its pairs.
        won: how many rows each start won.
    """

    first: int
    begun: float
    ended: float
    network: float
    evaluations: int
    coarse: int
    delta: list[list[float]]
    unconverged: list[float]
    exceeds: int
    won: Counter[str]


def ours(run: RunFolder, config: AttackConfig, processes: int) -> list[Share]:
    """The suite, its pairs dealt out to processes that begin together."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(processes), context.Queue()
    parts = np.array_split(np.arange(config.pairs), processes)
    crew = [
        context.Process(target=_work, args=(run.path, config, part.tolist(), barrier, results))
        for part in parts
    ]
    for process in crew:
        process.start()
    shares = [results.get() for _ in crew]
    for process in crew:
        process.join()
    return sorted(shares, key=lambda share: share.first)


def _work(
    path: Path, config: AttackConfig, pairs: list[int], barrier: Barrier, results: "Queue[Share]"
) -> None:
    tune_process(1)
    run = RunFolder.open(path)
    model = fold_batch_norm(load_model(run))
    x, target = images_of(run, config.pairs, config.seed)
    network = _Network()
    barrier.wait()
    begun, found = time.monotonic(), []
    for first in range(0, len(pairs), config.together):
        some = pairs[first : first + config.together]
        found.append(attack(model, x[some], target[some], config, pair_numbers=some))
    ended = time.monotonic()
    results.put(
        Share(
            first=pairs[0],
            begun=begun,
            ended=ended,
            network=network.seconds,
            evaluations=network.evaluations[False],
            coarse=network.evaluations[True],
            delta=[row for result in found for row in result.delta.tolist()],
            unconverged=[fall for result in found for fall in result.unconverged.tolist()],
            exceeds=sum(int(result.exceeds_bound.sum()) for result in found),
            won=Counter(start for result in found for row in result.start for start in row),
        )
    )


class _Network:
    """Seconds spent in the network by this process from now on, and on how many evaluations."""

    def __init__(self) -> None:
        self.seconds, self.evaluations = 0.0, {False: 0, True: 0}
        plain = Problem.value_and_gradient

        def timed(
            problem: Problem, points: Tensor, *arguments: Tensor, coarse: bool = False
        ) -> tuple[Tensor, Tensor]:
            began = time.perf_counter()
            found = plain(problem, points, *arguments, coarse=coarse)
            self.seconds += time.perf_counter() - began
            self.evaluations[coarse and problem.loss.coarse is not None] += len(points)
            return found

        patch.object(Problem, "value_and_gradient", timed).start()


def flops_an_evaluation(
    model: Autoencoder, x: Tensor, target: Tensor, config: AttackConfig
) -> list[int]:
    """Floating-point operations of the loss and its gradient for one image; and on one draw."""
    loss = loss_of(config, len(model.latent_sizes))
    problem = Problem.of(model, loss, x[:1], target[:1], [generator_for(Stream.LOSS_NOISE, 0, 0)])
    one, level = torch.zeros(1, dtype=torch.long), torch.ones(1, dtype=torch.float64)
    evaluate = partial(problem.value_and_gradient, problem.x, one, level)
    return [counted(partial(evaluate, coarse=coarse)) for coarse in (False, True)]


def compare(run: RunFolder, config: AttackConfig, rows: int, processes: int) -> dict[str, Any]:
    """Time our suite, then SciPy on a random sample of its rows; judge row by row."""
    shares = ours(run, config, processes)
    delta = [row for share in shares for row in share.delta]
    count = sum(map(len, delta))
    wall = max(s.ended for s in shares) - min(s.begun for s in shares)
    busy = sum(s.ended - s.begun for s in shares)
    network = sum(s.network for s in shares)
    full, coarse = sum(s.evaluations for s in shares), sum(s.coarse for s in shares)
    unconverged = [fall for s in shares for fall in s.unconverged]
    won = sum((s.won for s in shares), Counter())
    eager = load_model(run).eval().requires_grad_(False)
    x, target = images_of(run, config.pairs, config.seed)
    costs = flops_an_evaluation(eager, x, target, config)
    torch.set_num_threads(1)
    rate = gemm_rate()
    scipy = against_scipy(eager, x, target, config, delta, rows)
    mean = scipy["scipy_seconds_a_row"]
    peer = {}
    if batched_lbfgsb.available():
        peer = _beside_botorch(run, x, target, config, delta[0], busy / count)
    return {
        "rows": count,
        "processes": processes,
        "ours_seconds": wall,
        **scipy,
        "ratio_vs_scipy": mean * count / wall,
        "ratio_at_equal_cores": mean * count / busy,
        "optimiser_share_of_time": 1 - network / busy,
        "flops_share_of_gemm": (full * costs[0] + coarse * costs[1]) / network / rate,
        "gemm_gflops": rate / 1e9,
        "evaluations_a_row": (full + coarse) / count,
        "evaluations_on_one_draw": coarse / max(full + coarse, 1),
        "unconverged": None if config.recheck == 0 else float(np.nanmean(unconverged)),
        "trivial_bound_exceeded": sum(s.exceeds for s in shares),
        "won_by": {start: rows / count for start, rows in won.most_common()},
        **peer,
    }


def _beside_botorch(
    run: RunFolder,
    x: Tensor,
    target: Tensor,
    config: AttackConfig,
    ours: list[float],
    our_seconds: float,
) -> dict[str, float]:
    """BoTorch on the first pair, on one core, against our rows and our seconds a row of a core."""
    torch.set_num_threads(1)
    model = fold_batch_norm(load_model(run))
    levels = 2 ** torch.linspace(-20, 20, len(ours), dtype=torch.float64)
    seconds, no_worse_than = batched_lbfgsb.descend(model, x[:1], target[:1], config, levels)
    no_worse = torch.tensor(ours) <= no_worse_than
    return {
        "botorch_seconds_a_row": seconds / len(levels),
        "ratio_vs_botorch": seconds / len(levels) / our_seconds,
        "share_rows_no_worse_than_botorch": float(no_worse.double().mean()),
    }


def measure(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One row per model, loss and effort."""
    for name in arguments.models:
        run = trained(name, arguments.folder)
        for loss, effort in product(arguments.losses, arguments.efforts):
            config = replace(
                _EFFORTS[effort], loss=loss, pairs=arguments.pairs, together=arguments.together
            )
            found = compare(run, config, arguments.rows, arguments.processes)
            about = {"benchmark": "attack", "model": name, "loss": loss, "effort": effort}
            yield {**about, **found, **machine()}


def main() -> None:
    """Print a row for each model and loss."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    models = MODELS | SMALL_MODELS
    parser.add_argument("--models", nargs="+", choices=models, default=list(MODELS))
    parser.add_argument("--efforts", nargs="+", choices=_EFFORTS, default=["defaults"])
    parser.add_argument("--losses", nargs="+", default=["latent-kl", "latent-w2", "output"])
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--rows", type=int, default=100, help="rows SciPy gets, a model and loss")
    parser.add_argument("--together", type=int, default=5, help="pairs attacked at once")
    parser.add_argument("--processes", type=int, default=available_cores())
    parser.add_argument("--folder", type=Path, default=Path("runs/benchmark"), help="of the models")
    parser.add_argument("--json", action="store_true", help="one JSON row a line, else a summary")
    arguments = parser.parse_args()
    for row in measure(arguments):
        print(json.dumps(row) if arguments.json else _summary(row), flush=True)


def _summary(row: dict[str, Any]) -> str:
    return (
        f"{row['model']:11} {row['loss']:10} {row['effort']:8} {row['ratio_vs_scipy']:5.1f}× SciPy "
        f"({row['ratio_at_equal_cores']:.1f}× at equal cores), no worse on "
        f"{row['share_rows_no_worse']:.1%}, mean log Δ {row['mean_log_delta_difference']:+.3f}, "
        f"optimiser {row['optimiser_share_of_time']:.0%} of the time; won by "
        + ", ".join(f"{start} {share:.0%}" for start, share in row["won_by"].items())
    )


if __name__ == "__main__":
    main()
