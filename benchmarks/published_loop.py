"""The published loop on a sample of rows: SciPy's L-BFGS-B, one row at a time."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seatbelt_vae.attacks import AttackResult, Problem
from seatbelt_vae.attacks.levels import levels_of
from seatbelt_vae.attacks.losses import loss_of
from seatbelt_vae.attacks.methods import paper_attack
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.parallel.operating_system import available_cores
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["against_scipy"]

_ETA = 1e-3


def against_scipy(
    model: Autoencoder,
    x: Tensor,
    target: Tensor,
    config: AttackConfig,
    ours: Sequence[Sequence[float]],
    rows: int,
) -> dict[str, Any]:
    r"""SciPy on a random sample of rows against our Δ of each pair and level.

    A row of ours is no worse if its Δ is at most SciPy's plus 1 % of its distance from the floor c
    and :math:`10^{-6}(r_0-c)`.
    """
    threads = _faster_threads(model, x, target, config)
    torch.set_num_threads(threads)
    seconds, gains, no_worse = [], [], 0
    count = sum(map(len, ours))
    for row in np.random.default_rng(0).permutation(count)[:rows]:
        pair, level = divmod(int(row), len(ours[0]))
        spent, found = _published(model, x, target, config, pair, level)
        seconds.append(spent)
        mine, theirs = ours[pair][level], float(found.delta)
        span = float(found.problem.span)
        floor = float(found.problem.divergence_start) - span
        no_worse += mine <= theirs + 0.01 * abs(theirs - floor) + 1e-6 * abs(span)
        gains.append(math.log((mine - floor + _ETA * span) / (theirs - floor + _ETA * span)))
    return {
        "scipy_seconds_a_row": float(np.mean(seconds)),
        "scipy_threads": threads,
        "rows_compared": len(seconds),
        "share_rows_no_worse": no_worse / len(seconds),
        "mean_log_delta_difference": float(np.mean(gains)),
    }


def _published(
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
    weights = levels_of(config, problem)[:, level, None]
    began = time.perf_counter()
    found = paper_attack(problem, weights, config, [(config.seed, pair)])
    return time.perf_counter() - began, found


def _faster_threads(model: Autoencoder, x: Tensor, target: Tensor, config: AttackConfig) -> int:
    """One thread or all, whichever takes SciPy through 100 iterations faster."""
    brief, level = replace(config, max_evaluations=100), 2 * (config.weight_count or 50) // 5
    times = {}
    for threads in (available_cores(), 1):
        torch.set_num_threads(threads)
        times[threads] = min(_published(model, x, target, brief, 0, level)[0] for _ in range(3))
    return min(times, key=times.__getitem__)
