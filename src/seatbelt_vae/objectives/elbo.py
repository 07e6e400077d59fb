"""The evidence lower bound, term by term, in nats per example."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from seatbelt_vae.protocol import Autoencoder, Noise, Posterior

__all__ = ["ACTIVE", "Terms", "active", "divergence_units", "elbo_units"]

ACTIVE = 0.01
"""Mean divergence above the free-bits floor, in nats, that makes a latent unit active."""


def active(units: Tensor, free_bits: float = 0.0, group: str = "unit") -> Tensor:
    r"""Whether each unit of a layer carries information, from mean divergences in nats.

    A unit is active above :math:`\lambda_{fb} + 0.01`, because training does not charge the first
    :math:`\lambda_{fb}`. With a floor per layer, the sum of the layer must exceed that bound, and
    its units are active above 0.01.

    Args:
        units: mean divergence of each unit, :math:`(d)`.
        free_bits: :math:`\lambda_{fb}`, nats per group.
        group: ``unit`` or ``layer``.

    Example:
        >>> import torch
        >>> active(torch.tensor([0.125, 0.2]), free_bits=0.125)
        tensor([False,  True])
    """
    if group == "unit":
        return units > ACTIVE + free_bits
    return (units > ACTIVE) & (units.sum() > ACTIVE + free_bits)


@dataclass(frozen=True)
class Terms:
    """Terms of an objective: scalars, nats per example, averaged over the batch.

    Args:
        objective: maximised by training.
        elbo: the ELBO (β = 1, no free bits).
        log_likelihood: :math:`E \\log p(x|z)`.
        divergences: one per layer, bottom first: the mean log-ratio below the top, the KL at the
            top.
        penalties: values and further figures of the penalties, by the name of the metric.
        floored: share of free-bits groups at the floor.
        units: mean divergence of every unit, :math:`(d_i)` per layer.
        code: the sample of the top layer, :math:`(B, d_L)`.
    """

    objective: Tensor
    elbo: Tensor
    log_likelihood: Tensor
    divergences: tuple[Tensor, ...]
    penalties: Mapping[str, Tensor]
    floored: Tensor
    units: tuple[Tensor, ...]
    code: Tensor

    def active_units(self, free_bits: float = 0.0, group: str = "unit") -> list[int]:
        """The number of `active` units of each layer; a layer with none has collapsed."""
        return [int(active(unit, free_bits, group).sum()) for unit in self.units]

    def named(self) -> dict[str, Tensor]:
        """The terms by their stored names; layers are numbered from 1."""
        return {
            "objective": self.objective,
            "elbo": self.elbo,
            "log_likelihood": self.log_likelihood,
            **{f"divergence_{i}": d for i, d in enumerate(self.divergences, start=1)},
            **self.penalties,
            "floored": self.floored,
        }


def elbo_units(
    model: Autoencoder, x: Tensor, noise: Noise, target: Tensor | None = None
) -> tuple[Tensor, tuple[Tensor, ...], Posterior]:
    r"""The terms of the ELBO of each image along one ancestral sample.

    .. math::
        \log p(x|z), \quad \log q(z^i|z^{i-1},x) - \log p(z^i|z^{i+1}) \;(i < L), \quad
        \mathrm{KL}(q(z^L|z^{L-1},x)\,\|\,\mathcal N(0, I))

    Below the top the term is the log-ratio of the sample. A closed-form KL given z^{i+1} gives no
    bound, because a bottom-up q draws z^{i+1} from z^i.

    Args:
        model: any autoencoder.
        x: images, :math:`(B, C, H, W)`.
        noise: draws, :math:`(*K, B, d_i)` per layer.
        target: images whose likelihood is taken (default: ``x``).

    Returns:
        log-likelihood :math:`(*K, B)`; a tensor :math:`(*K, B, d_i)` per layer; the posterior.

    Source: Willetts et al. (2021), eq. 9, with the appendix's closed forms corrected.
    """
    posterior = model.encode(x, noise)
    target = x if target is None else target
    return model.decode(posterior.z).log_prob(target), divergence_units(model, posterior), posterior


def divergence_units(model: Autoencoder, posterior: Posterior) -> tuple[Tensor, ...]:
    """The divergence of every unit from the prior, as in `elbo_units`; one tensor per layer."""
    prior = model.prior(posterior.z)
    below = [
        q.log_prob_units(z) - p.log_prob_units(z)
        for q, p, z in zip(posterior.layers[:-1], prior[:-1], posterior.z[:-1], strict=True)
    ]
    return (*below, posterior.layers[-1].kl_units(prior[-1]))
