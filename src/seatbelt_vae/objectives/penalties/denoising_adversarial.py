"""Every second image of a batch is attacked, and its clean form must be likely."""

import torch
from torch import Tensor

from seatbelt_vae.objectives.inner_attack import InnerAttack
from seatbelt_vae.objectives.penalty import DefendedBatch, InputDefence, PenaltySetup
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.randomness import Stream

__all__ = ["DenoisingAdversarial"]


class DenoisingAdversarial(InputDefence):
    r"""The ELBO on one half of the batch, and on the other half

    .. math:: E_{q(z|x+\delta)} \log p(x|z) - \mathrm{KL}(q(z|x+\delta) \,\|\, p(z))

    with :math:`\delta` by an `InnerAttack`. No image is encoded twice by the networks in training
    mode, so that a step costs the inner attack on half of the batch more than without defence.
    """

    def __init__(self, setup: PenaltySetup) -> None:
        super().__init__(setup)
        self._attack = InnerAttack(setup, Stream.ATTACKED_HALF)

    def __call__(self, model: Autoencoder, x: Tensor, step: int | None) -> DefendedBatch:
        """The odd rows of the whole batch attacked, so that workers have equal shares."""
        workers, count = self.setup.workers, len(x)
        first, whole = workers.rank * count, workers.size * count
        odd = slice((first + 1) % 2, None, 2)
        rows = slice(first // 2, (first + count) // 2)
        seen = x.clone()
        seen[odd] = self._attack(model, x[odd], step, whole // 2, rows)
        attacked = torch.zeros(count, dtype=torch.bool, device=x.device)
        attacked[odd] = True
        weight = self.setup.config.denoising_weight
        return DefendedBatch(seen, attacked, whole // 2 / whole, weight)
