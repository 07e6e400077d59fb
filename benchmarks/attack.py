"""The strong attack against the published loop (SciPy's L-BFGS-B, one pair and λ at a time).

    python -m benchmarks.attack --json
    python -m benchmarks.attack --models vae --losses latent-kl --rows 40

Ours: everything the strong attack does to 10 pairs × 50 published λ, with one process per core.
Baseline: the eager network in evaluation mode, float32, with d in float64, m = 25, factr = 10, at
most 500 iterations, start U(±10⁻⁸), in one process with the better of one thread and all, on a
random sample of our rows. The ratio at equal cores takes one core on either side. BoTorch's batched
L-BFGS-B, if installed (botorch==0.18.1), gets the first pair on one core.
"""

import argparse
import json
import math
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
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
from benchmarks.models import MODELS, trained
from seatbelt_vae.attacks import AttackResult, Problem, attack, choose_pairs
from seatbelt_vae.attacks.losses import loss_of
from seatbelt_vae.attacks.methods import paper_attack
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.data import load_data
from seatbelt_vae.models import fold_batch_norm, load_model
from seatbelt_vae.parallel.operating_system import available_cores
from seatbelt_vae.parallel.process_settings import tune_process
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.randomness import Stream, generator_for
from seatbelt_vae.runs import RunFolder

_ETA = 1e-3


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


def images_of(pairs: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Inputs and targets, (P, C, H, W)."""
    data = load_data("dsprites")
    chosen = choose_pairs(data, pairs, seed)
    inputs, targets = (data.test.batch(np.array(side)) for side in zip(*chosen, strict=True))
    return inputs, targets


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
    model = fold_batch_norm(load_model(RunFolder.open(path)))
    x, target = images_of(config.pairs, config.seed)
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


def published(
    model: Autoencoder, x: Tensor, target: Tensor, config: AttackConfig, pair: int, level: int
) -> tuple[float, AttackResult]:
    """Seconds and result of SciPy on one row."""
    problem = Problem.of(
        model,
        loss_of(config, len(model.latent_sizes)),
        x[pair, None],
        target[pair, None],
        [generator_for(Stream.LOSS_NOISE, config.seed, pair)],
    )
    weights = 2 ** torch.linspace(-20, 20, 50, dtype=torch.float64)
    began = time.perf_counter()
    found = paper_attack(problem, weights[None, level, None], config, [(config.seed, pair)])
    return time.perf_counter() - began, found


def better_thread_count(model: Autoencoder, x: Tensor, target: Tensor, config: AttackConfig) -> int:
    """One thread or all, whichever gets SciPy through 100 iterations of a row faster."""
    brief = replace(config, max_evaluations=100)
    times = {}
    for threads in (available_cores(), 1):
        torch.set_num_threads(threads)
        times[threads] = min(published(model, x, target, brief, 0, 20)[0] for _ in range(3))
    return min(times, key=times.__getitem__)


def flops_an_evaluation(
    model: Autoencoder, x: Tensor, target: Tensor, config: AttackConfig
) -> tuple[int, int]:
    """Floating-point operations of the loss and its gradient for one image; and on one draw."""
    loss = loss_of(config, len(model.latent_sizes))
    problem = Problem.of(model, loss, x[:1], target[:1], [generator_for(Stream.LOSS_NOISE, 0, 0)])
    one, level = torch.zeros(1, dtype=torch.long), torch.ones(1, dtype=torch.float64)
    counts = []
    for coarse in (False, True):
        evaluate = partial(problem.value_and_gradient, problem.x, one, level, coarse=coarse)
        counts.append(counted(evaluate))
    return counts[0], counts[1]


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
    x, target = images_of(config.pairs, config.seed)
    threads = better_thread_count(eager, x, target, config)
    costs = flops_an_evaluation(eager, x, target, config)
    torch.set_num_threads(1)
    rate = gemm_rate()
    torch.set_num_threads(threads)
    seconds, gains, no_worse = [], [], 0
    for row in np.random.default_rng(0).permutation(count)[:rows]:
        pair, level = divmod(int(row), len(delta[0]))
        spent, found = published(eager, x, target, config, pair, level)
        seconds.append(spent)
        mine, theirs = delta[pair][level], float(found.delta)
        span = float(found.problem.span)
        floor = float(found.problem.divergence_start) - span
        no_worse += mine <= theirs + 0.01 * abs(theirs - floor) + 1e-6 * abs(span)
        gains.append(math.log((mine - floor + _ETA * span) / (theirs - floor + _ETA * span)))
    mean = float(np.mean(seconds))
    peer = {}
    if batched_lbfgsb.available():
        peer = _beside_botorch(run, x, target, config, delta[0], busy / count)
    return {
        "rows": count,
        "processes": processes,
        "ours_seconds": wall,
        "scipy_seconds_a_row": mean,
        "scipy_threads": threads,
        "rows_compared": len(seconds),
        "ratio_vs_scipy": mean * count / wall,
        "ratio_at_equal_cores": mean * count / busy,
        "share_rows_no_worse": no_worse / len(seconds),
        "mean_log_delta_difference": float(np.mean(gains)),
        "optimiser_share_of_time": 1 - network / busy,
        "flops_share_of_gemm": (full * costs[0] + coarse * costs[1]) / network / rate,
        "gemm_gflops": rate / 1e9,
        "evaluations_a_row": (full + coarse) / count,
        "evaluations_on_one_draw": coarse / max(full + coarse, 1),
        "unconverged": float(np.nanmean(unconverged)),
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
    levels = 2 ** torch.linspace(-20, 20, 50, dtype=torch.float64)
    seconds, no_worse_than = batched_lbfgsb.descend(model, x[:1], target[:1], config, levels)
    no_worse = torch.tensor(ours) <= no_worse_than
    return {
        "botorch_seconds_a_row": seconds / len(levels),
        "ratio_vs_botorch": seconds / len(levels) / our_seconds,
        "share_rows_no_worse_than_botorch": float(no_worse.double().mean()),
    }


def measure(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One row a model and loss."""
    config = AttackConfig(weights="published", pairs=arguments.pairs, together=arguments.together)
    for name in arguments.models:
        run = trained(name, arguments.folder)
        for loss in arguments.losses:
            found = compare(run, replace(config, loss=loss), arguments.rows, arguments.processes)
            yield {"benchmark": "attack", "model": name, "loss": loss, **found, **machine()}


def main() -> None:
    """Print a row for each model and loss."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
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
        f"{row['model']:11} {row['loss']:10} {row['ratio_vs_scipy']:5.1f}× SciPy "
        f"({row['ratio_at_equal_cores']:.1f}× at equal cores), no worse on "
        f"{row['share_rows_no_worse']:.1%}, mean log Δ {row['mean_log_delta_difference']:+.3f}, "
        f"optimiser {row['optimiser_share_of_time']:.0%} of the time; won by "
        + ", ".join(f"{start} {share:.0%}" for start, share in row["won_by"].items())
    )


if __name__ == "__main__":
    main()
