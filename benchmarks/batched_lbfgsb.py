"""BoTorch's batched L-BFGS-B on all 50 λ of one pair at once: a second oracle beside SciPy's.

It drives SciPy's own routine for every row in step, so that the network sees whole batches; here
the folded network, as ours does.
"""

import time
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from seatbelt_vae.attacks import Problem
from seatbelt_vae.attacks.losses import loss_of
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["available", "descend"]

_NOISE = 1e-8


def available() -> bool:
    """Whether BoTorch is installed (the extra ``benchmarks``)."""
    return find_spec("botorch") is not None


def descend(
    model: Autoencoder, x: Tensor, target: Tensor, config: AttackConfig, levels: Tensor
) -> tuple[float, Tensor]:
    """Seconds for one pair (1, C, H, W), and at each level the largest Δ that is no worse."""
    from botorch.optim.batched_lbfgs_b import fmin_l_bfgs_b_batched

    loss = loss_of(config, len(model.latent_sizes))
    problem = Problem.of(model, loss, x, target, [generator_for(Stream.LOSS_NOISE, config.seed, 0)])
    low, high = problem.bounds

    def fun(
        points: np.ndarray, batch_indices: list[int] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        rows = torch.as_tensor(batch_indices)
        value, gradient = problem.value_and_gradient(
            torch.as_tensor(points).to(problem.x), torch.zeros_like(rows), levels[rows]
        )
        return value.double().numpy(), gradient.double().numpy()

    noise = np.random.default_rng(0).uniform(-_NOISE, _NOISE, (len(levels), problem.x.shape[1]))
    start = (problem.x.double().numpy() + noise).clip(low, high)
    began = time.perf_counter()
    found, _, _ = fmin_l_bfgs_b_batched(
        fun,
        start,
        bounds=[(low, high)] * start.shape[1],
        maxcor=25,
        factr=10.0,
        pgtol=1e-5,
        maxiter=config.max_evaluations,
        pass_batch_indices=True,
    )
    seconds = time.perf_counter() - began
    points = torch.as_tensor(np.asarray(found)).to(problem.x)
    of = torch.zeros(len(points), dtype=torch.long)
    cost = problem.threat.cost(problem.norms(points, of), levels)
    delta = problem.parts(points, of).sum(1) + cost
    return seconds, delta + 0.01 * problem.remaining(delta[None])[0] + 1e-6 * problem.span
