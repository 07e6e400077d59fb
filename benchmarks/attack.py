"""The strong protocol against the published loop (SciPy's L-BFGS-B, one pair and λ at a time).

    python -m benchmarks.attack runs/demo/vae runs/demo/beta-tcvae runs/demo/seatbelt --rows 210

One JSON row a model and loss, then the totals. Baseline: the eager network in evaluation mode,
float32, with d in float64, m = 25, factr = 10, at most 500 iterations, start U(±10⁻⁸), in one
process with the better of one thread and all, on a random sample of our rows.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.machine import machine
from seatbelt_vae.attacks import Problem, attack_pair, choose_pairs
from seatbelt_vae.attacks.attack import loss_of
from seatbelt_vae.attacks.single import paper_attack
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.data import load
from seatbelt_vae.models import HierarchicalVAE, fold_batch_norm, load_model
from seatbelt_vae.randomness import generator_for
from seatbelt_vae.runs import RunFolder

_ETA = 1e-3


def compare(model: HierarchicalVAE, images: torch.Tensor, config: AttackConfig, rows: int) -> dict:
    """Time our battery, then SciPy on a random sample of its rows; judge row by row."""
    folded, eager = fold_batch_norm(model), model.eval().requires_grad_(False)
    started = time.perf_counter()
    results = [attack_pair(folded, x, t, config, pair) for pair, (x, t) in enumerate(images)]
    ours_seconds = time.perf_counter() - started
    count = sum(len(result.weights) for result in results)
    sample = np.random.default_rng(0).permutation(count)[:rows]
    scipy_seconds, no_worse, gains = 0.0, 0, []
    for row in sample:
        pair, index = divmod(int(row), len(results[0].weights))
        result = results[pair]
        problem = Problem.of(
            eager,
            loss_of(config, len(model.latent_sizes)),
            *images[pair],
            generator_for(config.seed, pair, 0),
        )
        started = time.perf_counter()
        theirs = paper_attack(problem, result.weights[index, None], config, (config.seed, pair, 9))
        scipy_seconds += time.perf_counter() - started
        mine, other = float(result.delta[index]), float(theirs.delta[0])
        floor, span = problem.loss.floor, problem.span
        no_worse += mine <= other + 0.01 * abs(other - floor) + 1e-6 * abs(span)
        gains.append(math.log((mine - floor + _ETA * span) / (other - floor + _ETA * span)))
    return {
        "rows": count,
        "rows_compared": len(sample),
        "ours_seconds": ours_seconds,
        "scipy_seconds_a_row": scipy_seconds / len(sample),
        "ratio_vs_scipy": scipy_seconds / len(sample) * count / ours_seconds,
        "share_rows_no_worse": no_worse / len(sample),
        "mean_log_delta_difference": float(np.mean(gains)),
        "evaluations_a_row": sum(sum(result.evaluations) for result in results) / count,
        "trivial_bound_exceeded": sum(int(result.exceeds_bound.sum()) for result in results),
        "worst_raw_violation": max(result.raw_violation for result in results),
    }


def better_thread_count(model: HierarchicalVAE, image: torch.Tensor) -> int:
    """One thread or all, whichever evaluates a batch of one faster."""
    every = torch.get_num_threads()
    times = {}
    for threads in {1, every}:
        torch.set_num_threads(threads)
        started = time.perf_counter()
        for _ in range(30):
            x = image[None].clone().requires_grad_()
            torch.autograd.grad(model.encode(x).z[0].sum(), x)
        times[threads] = time.perf_counter() - started
    torch.set_num_threads(every)
    return min(times, key=times.__getitem__)


def measure(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One row a model and loss."""
    config = AttackConfig(pairs=arguments.pairs, weights=arguments.weights)
    for path in arguments.runs:
        run = RunFolder.open(path)
        settings = run.config.data
        data = load(settings.name, settings.root, image_size=settings.image_size)
        model = load_model(run)
        pairs = choose_pairs(data, config.pairs, config.seed)
        images = torch.stack([data.test.batch(np.array(pair)) for pair in pairs])
        torch.set_num_threads(better_thread_count(model, images[0, 0]))
        for loss in arguments.losses:
            row = compare(model, images, replace(config, loss=loss), arguments.rows)
            yield {"benchmark": "attack", "model": path.name, "loss": loss, **row, **machine()}


def main() -> None:
    """Print a JSON row for each model and loss."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, help="run folders of trained models")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--rows", type=int, default=70, help="rows SciPy gets, a model and loss")
    parser.add_argument("--weights", choices=("relative", "published"), default="published")
    parser.add_argument("--losses", nargs="+", default=["latent-kl"])
    for row in measure(parser.parse_args()):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
