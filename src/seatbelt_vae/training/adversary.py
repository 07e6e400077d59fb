"""FactorVAE's discriminator in training: it learns from codes, the model learns from it."""

import torch
from torch import Tensor
from torch.optim import Adam

from seatbelt_vae.errors import ConfigError
from seatbelt_vae.objectives.density_ratio import DensityRatio, shuffled
from seatbelt_vae.randomness import Stream, generator_for, seeded_for
from seatbelt_vae.training.gradients import average_gradients
from seatbelt_vae.workers import gathered, worker_count, worker_rank

__all__ = ["Adversary"]

_RATE, _BETAS = 1e-4, (0.5, 0.9)


class Adversary:
    """A `DensityRatio` and its optimiser.

    Its weights take gradients in `step` only, so that the model's loss never moves them.

    Args:
        units: of the top layer.
        seed: of its weights and the shuffles.
        device: where codes are.
    """

    def __init__(self, units: int, seed: int, device: torch.device) -> None:
        self._seed = seed
        with seeded_for(Stream.DISCRIMINATOR_WEIGHTS, seed):
            self.ratio = DensityRatio(units)
        self.ratio.to(device).requires_grad_(False)
        self.optimizer = Adam(self.ratio.parameters(), lr=_RATE, betas=_BETAS, fused=True)

    def step(self, codes: Tensor, step: int) -> Tensor:
        """Learn from one batch: its first half as it is against its second half shuffled.

        Args:
            codes: this worker's rows of the batch's codes, :math:`(B, d)`.
            step: the training step, from 1.

        Returns:
            The cross-entropy over this worker's share of the rows, nats; its mean over the workers
            is that over all rows.

        Raises:
            ConfigError: fewer than two images a worker.
        """
        whole = gathered(codes.detach())
        half = len(whole) // 2
        joint, product = whole[:half], whole[half : 2 * half]
        product = shuffled(product, generator_for(Stream.CODE_SHUFFLE, self._seed, step))
        if half < worker_count():
            raise ConfigError(
                f"batch_size is {len(whole)} for {worker_count()} workers, expected at least "
                f"{2 * worker_count()} with factor-vae: give a larger batch, or fewer workers"
            )
        # a half need not be a multiple of the workers: shares of other sizes weigh accordingly
        joint, product = (
            rows.tensor_split(worker_count())[worker_rank()] for rows in (joint, product)
        )
        self.ratio.requires_grad_(True)
        loss = len(joint) * worker_count() / half * self.ratio.loss(joint, product)
        self.optimizer.zero_grad()
        loss.backward()
        average_gradients(self.ratio)
        self.optimizer.step()
        self.ratio.requires_grad_(False)
        return loss.detach()
