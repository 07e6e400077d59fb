"""Divergences of full Gaussians, for layers given as means and standard deviations."""

import numpy as np
import torch
from scipy.linalg import sqrtm
from torch.distributions import MultivariateNormal, kl_divergence

from tests.attacks.chain import Layer


def kl(q: Layer, p: Layer) -> float:
    """KL(q ‖ p), nats."""
    gaussians = [
        MultivariateNormal(torch.as_tensor(n.mean), torch.as_tensor(np.diag(n.std**2)))
        for n in (q, p)
    ]
    return kl_divergence(*gaussians).item()


def w2(q: Layer, p: Layer) -> float:
    """The 2-Wasserstein distance, from covariance matrices."""
    a, b = np.diag(q.std**2), np.diag(p.std**2)
    root = sqrtm(b)
    spread = np.trace(a + b - 2 * sqrtm(root @ a @ root)).real
    return np.sqrt(np.sum((q.mean - p.mean) ** 2) + spread)


BY_HAND = {"kl": kl, "symmetric-kl": lambda q, p: (kl(q, p) + kl(p, q)) / 2, "w2": w2}
