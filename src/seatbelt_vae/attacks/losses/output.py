"""``output``: −ELBO of the target under the posterior of the attacked input, nats."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses._bound import Loss, Parts
from seatbelt_vae.attacks.losses._paths import Walker, mean_over_draws
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.protocol import Autoencoder

__all__ = ["OutputLoss", "loss"]

DECLARATION = {"path": "common"}


@dataclass(frozen=True)
class OutputLoss(Loss):
    r"""Output attack: :math:`r = -\mathbb E_{q(z|x^*)} \log p(x_t|z) + \mathrm{KL}(q\,\|\,p)`.

    Kos et al. (2018) with the sign corrected; nats. The parts are the negative log-likelihood and
    the divergence from the prior: sampled log-ratios below the top layer, the closed form at the
    top. The floor is :math:`-\max \log p(x_t|z)`, for example at a mean equal to the target. The
    path ``mean`` replaces the expectation by its value at the posterior means.
    """

    needs: ClassVar = ("posterior", "prior", "likelihood")

    def parts(self, walker: Walker, x: Tensor, target: Tensor) -> Parts:
        """−log-likelihood of the target, and the divergence from the prior."""
        del x
        model = walker.model

        def parts(inputs: Tensor, pairs: Tensor) -> Tensor:
            posterior = walker.encode(inputs, pairs)
            likelihood = model.decode(posterior.z).log_prob(target[pairs])
            prior = model.prior(posterior.z)
            below = zip(posterior.layers[:-1], prior[:-1], posterior.z[:-1], strict=True)
            ratios = [q.log_prob(z) - p.log_prob(z) for q, p, z in below]
            top = posterior.layers[-1].kl(prior[-1])
            regularity = sum((mean_over_draws(r) for r in ratios), mean_over_draws(top))
            return torch.stack([-mean_over_draws(likelihood), regularity], dim=-1)

        return parts

    def lower_bound(self, model: Autoencoder, x: Tensor, target: Tensor) -> Tensor:
        r""":math:`-\max\log p(x_t|z)` over all means that the decoder could output."""
        del x
        with torch.no_grad():
            best = model.decode(model.encode(target).z).max_log_prob(target)
        return -best.double()


def loss(config: AttackConfig, layers: tuple[int, ...]) -> Loss:
    """Create the loss from the settings of an attack; ``layers`` does not apply."""
    del layers
    return OutputLoss(path=config.path_used, draws=config.draws)
