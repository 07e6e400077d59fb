"""The evidence lower bound, term by term, in nats per example."""

from dataclasses import dataclass

from torch import Tensor

from seatbelt_vae.protocol import Autoencoder, Noise, Posterior

__all__ = ["ACTIVE", "Terms", "elbo_units"]

ACTIVE = 0.01
"""Nats of mean divergence above which a latent unit counts as active."""


@dataclass(frozen=True)
class Terms:
    """What an objective is made of: scalars, nats per example, averaged over the batch.

    Args:
        objective: what training maximises.
        elbo: the ELBO (β = 1, no free bits).
        log_likelihood: :math:`E \\log p(x|z)`.
        divergences: one a layer, bottom first: the mean log-ratio below the top, the KL at the top.
        total_correlation: the minibatch estimate on the top layer; None where it is not used.
        floored: share of free-bits groups at the floor.
        units: mean divergence of every unit, :math:`(d_i)` a layer.
        code: the sample of the top layer, :math:`(B, d_L)`.
    """

    objective: Tensor
    elbo: Tensor
    log_likelihood: Tensor
    divergences: tuple[Tensor, ...]
    total_correlation: Tensor | None
    floored: Tensor
    units: tuple[Tensor, ...]
    code: Tensor

    @property
    def active_units(self) -> list[int]:
        """How many units of each layer carry more than `ACTIVE` nats; none is a collapsed layer."""
        return [int((unit > ACTIVE).sum()) for unit in self.units]

    def named(self) -> dict[str, Tensor]:
        """The terms by the names they are stored under; layers are numbered from 1."""
        layers = {f"divergence_{i}": d for i, d in enumerate(self.divergences, start=1)}
        tc = {} if self.total_correlation is None else {"total_correlation": self.total_correlation}
        return {
            "objective": self.objective,
            "elbo": self.elbo,
            "log_likelihood": self.log_likelihood,
            **layers,
            **tc,
            "floored": self.floored,
        }


def elbo_units(
    model: Autoencoder, x: Tensor, noise: Noise
) -> tuple[Tensor, tuple[Tensor, ...], Posterior]:
    r"""The ELBO's parts for each image along one ancestral sample.

    .. math::
        \log p(x|z), \quad \log q(z^i|z^{i-1},x) - \log p(z^i|z^{i+1}) \;(i < L), \quad
        \mathrm{KL}(q(z^L|z^{L-1},x)\,\|\,\mathcal N(0, I))

    Below the top the log-ratio of the sample stands, not a closed-form KL: under a bottom-up q,
    z^{i+1} is drawn from z^i, and the KL given z^{i+1} would be no bound at all.

    Args:
        model: any autoencoder.
        x: images, :math:`(B, C, H, W)`.
        noise: the path's draws.

    Returns:
        log-likelihood :math:`(*K, B)`; a tensor :math:`(*K, B, d_i)` a layer; the posterior.

    Source: Willetts et al. (2021), eq. 9, with the appendix's closed forms corrected.
    """
    posterior = model.encode(x, noise)
    prior = model.prior(posterior.z)
    below = [
        q.log_prob_units(z) - p.log_prob_units(z)
        for q, p, z in zip(posterior.layers[:-1], prior[:-1], posterior.z[:-1], strict=True)
    ]
    top = posterior.layers[-1].kl_units(prior[-1])
    return model.decode(posterior.z).log_prob(x), (*below, top), posterior
