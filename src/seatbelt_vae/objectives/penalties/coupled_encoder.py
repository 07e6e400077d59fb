"""A second view of each image has a posterior that is coupled with that of the image."""

from collections.abc import Mapping

import torch
from torch import Tensor

from seatbelt_vae.distributions import Normal
from seatbelt_vae.objectives.elbo import divergence_units
from seatbelt_vae.objectives.inner_attack import InnerAttack, evaluated
from seatbelt_vae.objectives.penalty import PenaltyInput, PenaltyLoss, PenaltySetup
from seatbelt_vae.protocol import bounds_of, draw_noise
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["CoupledEncoder", "coupled_kl_units"]


class CoupledEncoder(PenaltyLoss):
    r"""The divergence that a second view :math:`\tilde x` adds to the ELBO of a pair.

    The codes of the pair have the prior :math:`p(z, \tilde z)` of standard normals with correlation
    ρ, and independent posteriors. With one layer,

    .. math:: E_{q(z|x)} \mathrm{KL}(q(\tilde z|\tilde x) \,\|\, p(\tilde z|z)), \qquad
        p(\tilde z|z) = \mathcal N(\rho z, 1 - \rho^2)

    With more layers this holds for the top one, and the log-ratios of the lower layers of the
    second chain are added. :math:`\tilde x` is the reconstruction of the drawn code (delusion), an
    attacked input (adversarial), or the input with noise (gaussian). It gets no gradient.

    Source: Cemgil et al. (2020) for delusion and adversarial, Irobe et al. (2024) for gaussian.
    """

    def __init__(self, setup: PenaltySetup) -> None:
        super().__init__(setup)
        self._source = setup.config.coupling_source
        self._attack = InnerAttack(setup, Stream.COUPLED_INPUTS)

    def __call__(self, given: PenaltyInput) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The mean over images, nats."""
        whole = len(given.x) * self.setup.workers.size
        rows = self.setup.workers.rows(whole)
        draws = generator_for(Stream.COUPLED_NOISE, given.seed, given.step or 0)
        noise = draw_noise(
            [layer.shape[-1] for layer in given.noise], (whole,), draws, like=given.x
        )
        view = self._view(given, whole, rows)
        other = given.model.encode(view, tuple(layer[rows] for layer in noise))
        units = divergence_units(given.model, other)[:-1]
        rho = self.setup.config.coupling_correlation
        top = coupled_kl_units(given.posterior.layers[-1], other.layers[-1], rho)
        return torch.stack([unit.sum(-1) for unit in (*units, top)]).sum(0).mean(), {}

    def _view(self, given: PenaltyInput, whole: int, rows: slice) -> Tensor:
        """The second views of this worker's images."""
        model, x = given.model, given.x
        if self._source == "delusion":
            with torch.no_grad(), evaluated(model, weights=False):
                return bounds_of(model).clamp(model.decode(given.posterior.z).mean.to(x))
        if self._source == "gaussian":
            return self._attack.with_noise(model, x, given.step, whole, rows)
        return self._attack(model, x, given.step, whole, rows)


def coupled_kl_units(first: Normal, second: Normal, rho: float) -> Tensor:
    r"""The divergence of each unit of the second posterior, nats.

    .. math:: \tfrac12 \left( \frac{\tilde\sigma^2 + \rho^2 \sigma^2 + (\tilde\mu - \rho\mu)^2}
        {1 - \rho^2} - 1 - \log \frac{\tilde\sigma^2}{1 - \rho^2} \right)

    Args:
        first: :math:`\mathcal N(\mu, \sigma^2)`, the posterior of the image, :math:`(B, d)`.
        second: :math:`\mathcal N(\tilde\mu, \tilde\sigma^2)`, that of its second view.
        rho: correlation ρ of the codes under the prior of the pair.

    Example:
        >>> standard = Normal(torch.zeros(1, 1), torch.zeros(1, 1))
        >>> float(coupled_kl_units(standard, standard, 0.0))
        0.0
    """
    left = 1 - rho**2
    apart = (second.mean - rho * first.mean).square()
    spread = second.log_variance.exp() + rho**2 * first.log_variance.exp()
    return 0.5 * ((spread + apart) / left - 1 - second.log_variance + torch.tensor(left).log())
