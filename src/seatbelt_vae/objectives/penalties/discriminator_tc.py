"""The total correlation of the top layer by FactorVAE's discriminator, trained on codes."""

from collections.abc import Mapping

from torch import Tensor

from seatbelt_vae.errors import ConfigError
from seatbelt_vae.objectives.density_ratio import DensityRatio, shuffled
from seatbelt_vae.objectives.penalty import PenaltyInput, PenaltyLoss, PenaltySetup, TrainedPart
from seatbelt_vae.optim import Adam
from seatbelt_vae.randomness import Stream, generator_for, seeded_for

__all__ = ["DiscriminatorTC"]

_RATE, _BETAS = 1e-4, (0.5, 0.9)


class DiscriminatorTC(PenaltyLoss):
    r"""The mean over codes of :math:`\log q(z) - \log \prod_j q(z_j)`, a `DensityRatio`.

    Source: Kim & Mnih (2018), algorithm 2 and appendix A.
    """

    part: TrainedPart

    def __init__(self, setup: PenaltySetup) -> None:
        super().__init__(setup)
        with seeded_for(Stream.DISCRIMINATOR_WEIGHTS, setup.seed):
            self.ratio = DensityRatio(setup.latent_sizes[-1])
        self.ratio.to(setup.device).requires_grad_(False)
        optimizer = Adam(self.ratio, _RATE, betas=_BETAS)
        self.part = TrainedPart("discriminator", self.ratio, optimizer)

    def __call__(self, given: PenaltyInput) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The mean log-ratio, nats."""
        log_ratios: Tensor = self.ratio(given.posterior.z[-1])
        return log_ratios.mean(), {}

    def part_loss(self, code: Tensor, step: int) -> Tensor:
        """The cross-entropy of the batch's first half against its shuffled second half, nats.

        Raises:
            ConfigError: fewer than two images per worker.
        """
        workers = self.setup.workers
        codes = workers.gather(code.detach())
        half = len(codes) // 2
        joint, product = codes[:half], codes[half : 2 * half]
        product = shuffled(product, generator_for(Stream.CODE_SHUFFLE, self.setup.seed, step))
        if half < workers.size:
            raise ConfigError(
                f"batch_size is {len(codes)} for {workers.size} workers, expected at least "
                f"{2 * workers.size} with factor-vae: give a larger batch, or fewer workers"
            )
        # shares have unequal sizes if half the batch is no multiple of the workers: weigh by size
        joint, product = (
            rows.tensor_split(workers.size)[workers.rank] for rows in (joint, product)
        )
        return len(joint) * workers.size / half * self.ratio.loss(joint, product)
