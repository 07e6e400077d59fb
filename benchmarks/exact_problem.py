r"""The objective of an attack on one pair, written out in float64, apart from the package's code.

It repeats the definitions of `seatbelt_vae.attacks.losses` and `threats` from the outputs of the
model alone, so that a wrong factor, sign or layer there changes a comparison.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log, pi

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from seatbelt_vae.config.loss_files import LOSSES
from seatbelt_vae.distributions import BernoulliImage, ImageDistribution, Normal, NormalImage
from seatbelt_vae.models import HierarchicalVAE
from seatbelt_vae.protocol import Noise, Posterior

__all__ = ["WRITTEN_OUT", "ExactProblem"]

WRITTEN_OUT = tuple(loss for loss in LOSSES if loss != "grill")
"""The losses of `ExactProblem`; `grill` depends on the layers into which a network is divided."""

_OF_IMAGES = ("output-l2", "output-reconstruction")
_OF_CODES = ("latent-l2", "latent-code", "latent-target", "latent-zero")

Value = Callable[[Tensor, Tensor], Tensor]
"""Maps images (R, C, H, W) and smoothing widths (R) to losses (R)."""


@dataclass(frozen=True)
class ExactProblem:
    r"""One pair under one loss and threat, all in float64.

    Args:
        model: the model in float64.
        loss, threat: names of `AttackConfig`.
        layers: zero-based layers of a latent loss.
        x, target: images :math:`(1, C, H, W)`.
        noise: K draws :math:`(K, 1, d_i)` per layer of a loss on the common path, else None.
    """

    model: HierarchicalVAE
    loss: str
    threat: str
    layers: Sequence[int]
    x: Tensor
    target: Tensor
    noise: Noise | None

    def divergence(self, d: Tensor, width: Tensor | None = None) -> Tensor:
        r"""The loss r at distortions :math:`(R, n)`, shape :math:`(R)`.

        Distances become :math:`\sqrt{r_i^2 + w^2}` with a smoothing width w per row.
        """
        images = self.x + d.view(-1, *self.x.shape[1:])
        width = d.new_zeros(len(d)) if width is None else width
        return self._loss()(images, width)

    def cost(self, d: Tensor, levels: Tensor) -> Tensor:
        r"""λ‖d‖ or λ‖d‖², :math:`(R)`; within a budget 0, and infinite 10⁻⁶ outside it."""
        if self.threat in ("penalty", "squared-penalty"):
            squared = d.square().sum(1)
            return levels * (squared if self.threat == "squared-penalty" else squared.sqrt())
        norms = d.square().sum(1).sqrt() if self.threat == "l2" else d.abs().amax(dim=1)
        outside = norms > levels * (1 + 1e-6)
        return torch.zeros_like(norms).masked_fill(outside, torch.inf)

    @property
    def is_distance(self) -> bool:
        """Whether the loss has a kink where it is 0."""
        return self.loss in ("latent-w2", *_OF_IMAGES, *_OF_CODES)

    def floor(self) -> float | None:
        """The greatest lower bound of r that the definition gives; None for untargeted losses."""
        if self.loss.startswith("damage-"):
            return None
        if self.loss != "output":
            return 0.0
        decoded = self.model.decode(self._encode(self.target).z)
        if isinstance(decoded, NormalImage):
            return 0.5 * self.x.numel() * log(2 * pi * decoded.variance)
        t = self._shares()
        return -float((torch.xlogy(t, t) + torch.xlogy(1 - t, 1 - t)).sum())

    def _encode(self, images: Tensor) -> Posterior:
        if self.noise is None:
            return self.model.encode(images)
        return self.model.encode(images, [e.expand(-1, len(images), -1) for e in self.noise])

    @cached_property
    def _reference(self) -> Posterior:
        """The posterior that a loss leads to, or away from."""
        with torch.no_grad():
            return self._encode(self.x if self.loss.startswith("damage-") else self.target)

    @cached_property
    def _code(self) -> Sequence[Tensor]:
        """The code that a loss of codes leads to."""
        if self.loss != "latent-target":
            share = float(self.loss in ("latent-l2", "latent-code"))
            return [share * z for z in self._reference.z]
        low, high = self.model.bounds
        with torch.no_grad():
            return self.model.encode(torch.full_like(self.x, (low + high) / 2)).z

    def _loss(self) -> Value:
        if self.loss == "output":
            return self._output
        if self.loss in (*_OF_IMAGES, "damage-reconstruction"):
            return self._reconstruction
        if self.loss == "damage-identity":
            return self._identity
        return self._latent

    def _latent(self, images: Tensor, width: Tensor) -> Tensor:
        reference = self._reference
        attacked, total = self._encode(images), images.new_zeros(len(images))
        if self.loss == "latent-code":
            squares = [(attacked.z[i] - self._code[i]).square().sum(-1) for i in self.layers]
            return (sum(squares, total) + width**2).sqrt()
        for i in self.layers:
            q, p = attacked.layers[i], reference.layers[i]
            if self.loss == "latent-w2":
                squared = (q.mean - p.mean) ** 2 + (_std(q) - _std(p)) ** 2
                value = (squared.sum(-1) + width**2).sqrt()
            elif self.loss in _OF_CODES:
                squared = (attacked.z[i] - self._code[i]) ** 2
                value = (squared.sum(-1) + width**2).sqrt()
            elif self.loss == "latent-symmetric-kl":
                value = 0.5 * (_kl(q, p) + _kl(p, q))
            else:
                value = _kl(q, p)
            total = total + value
        return -total if self.loss == "damage-posterior" else total

    def _reconstruction(self, images: Tensor, width: Tensor) -> Tensor:
        reference = self.target
        if self.loss != "output-l2":
            with torch.no_grad():
                reference = self.model.decode(self._reference.z).mean
        decoded = self.model.decode(self._encode(images).z).mean
        squared = (decoded - reference).flatten(1).square().sum(1)
        distance = (squared + width**2).sqrt()
        return -distance if self.loss == "damage-reconstruction" else distance

    def _identity(self, images: Tensor, width: Tensor) -> Tensor:
        del width
        with torch.no_grad():
            clean = self.model.decode(self._reference.z).mean
        change = self.model.decode(self._encode(images).z).mean - clean
        return -((change - (images - self.x)) ** 2).flatten(1).sum(1)

    def _output(self, images: Tensor, width: Tensor) -> Tensor:
        del width
        posterior = self._encode(images)
        prior = self.model.prior(posterior.z)
        value = -self._log_likelihood(self.model.decode(posterior.z))
        for q, p, z in zip(posterior.layers[:-1], prior[:-1], posterior.z[:-1], strict=True):
            value = value + _log_density(q, z) - _log_density(p, z)
        top, standard = posterior.layers[-1], prior[-1]
        value = value + _kl(top, standard)
        return value.mean(0)

    def _log_likelihood(self, decoded: ImageDistribution) -> Tensor:
        if isinstance(decoded, NormalImage):
            squared = (self.target - decoded.mean).flatten(-3).square().sum(-1)
            return -0.5 * (
                squared / decoded.variance + self.x.numel() * log(2 * pi * decoded.variance)
            )
        if not isinstance(decoded, BernoulliImage):
            raise TypeError(f"no likelihood is written out for a {type(decoded).__name__}")
        t = self._shares().expand_as(decoded.logits)
        nats = binary_cross_entropy_with_logits(decoded.logits, t, reduction="none")
        return -nats.flatten(-3).sum(-1)

    def _shares(self) -> Tensor:
        """The target's pixels between 0 and 1."""
        low, high = self.model.bounds
        return (self.target - low) / (high - low)


def _std(q: Normal) -> Tensor:
    return (q.log_variance / 2).exp()


def _kl(q: Normal, p: Normal) -> Tensor:
    ratio = (q.log_variance - p.log_variance).exp()
    squared = (q.mean - p.mean) ** 2 / p.log_variance.exp()
    return 0.5 * (ratio + squared - 1 - ratio.log()).sum(-1)


def _log_density(q: Normal, z: Tensor) -> Tensor:
    squared = (z - q.mean) ** 2 / q.log_variance.exp()
    return -0.5 * (squared + q.log_variance + log(2 * pi)).sum(-1)
