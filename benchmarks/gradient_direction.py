"""Which minibatch estimator of the total correlation points most nearly down the true slope?

    python -m benchmarks.gradient_direction

The data set is N Gaussians of known means (spread × N(0, I)) and log-variance −2. The exact
gradient is that of the TC over the whole set, by the means and log-variances; a batch's gradient is
compared with it on the batch's own images, with the same noise. One JSON row a batch size and
estimator: the cosine's mean over batches and its standard error.
"""

import argparse
import json
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from benchmarks.machine import machine
from seatbelt_vae.objectives import total_correlation


def gradient(
    mean: Tensor, log_variance: Tensor, noise: Tensor, data_size: int, estimator: str
) -> Tensor:
    """Gradient of the estimate by the components' parameters, along reparameterised samples."""
    mean, log_variance = (t.clone().requires_grad_() for t in (mean, log_variance))
    z = mean + (0.5 * log_variance).exp() * noise
    value = total_correlation(z, mean, log_variance, data_size, estimator)
    return torch.cat(torch.autograd.grad(value, [mean, log_variance]), dim=1)


def measure(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One row a batch size and estimator."""
    size, draws = arguments.images, torch.Generator().manual_seed(arguments.seed)
    mean, noise = torch.randn(
        2, size, arguments.units, generator=draws, dtype=torch.float64
    ).unbind()
    mean = arguments.spread * mean
    log_variance = torch.full_like(mean, -2.0)
    # stratified weights are exact where the batch is the data set
    exact = gradient(mean, log_variance, noise, size, "mss")
    for batch in arguments.batches:
        chosen = [torch.randperm(size, generator=draws)[:batch] for _ in range(arguments.repeats)]
        for estimator in ("mws", "mss", "mss-chen", "mss-published"):
            cosines = torch.stack(
                [
                    torch.cosine_similarity(
                        gradient(mean[c], log_variance[c], noise[c], size, estimator).flatten(),
                        exact[c].flatten(),
                        dim=0,
                    )
                    for c in chosen
                ]
            )
            yield {
                "images": size,
                "units": arguments.units,
                "batch": batch,
                "estimator": estimator,
                "cosine": cosines.mean().item(),
                "standard_error": cosines.std().item() / len(cosines) ** 0.5,
            }


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--units", type=int, default=4)
    parser.add_argument("--spread", type=float, default=2.0)
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    for row in measure(parser.parse_args()):
        print(json.dumps({"benchmark": "gradient_direction", **row, **machine()}), flush=True)


if __name__ == "__main__":
    main()
