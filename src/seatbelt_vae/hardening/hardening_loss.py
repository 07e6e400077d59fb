r"""The loss of encoder hardening: how far distortions move reconstructions or codes."""

from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.config.hardening import HardeningConfig
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.hardening.encoder_weights import EncoderWeights, statistics
from seatbelt_vae.optim.norm_ball import NormBall, ascend
from seatbelt_vae.protocol import Autoencoder, Posterior, bounds_of

__all__ = ["HardeningLoss"]

_FLOOR = 0.01
_START, _REACH = 0.5, 2.5  # of random starts, and of all steps together, shares of the radius
_CLEAN = 4


@dataclass(frozen=True)
class HardeningLoss:
    r"""The loss of the encoder for images x and their worst distortions δ:

    .. math::
        \max_{\|\delta\| \leq r} D(x + \delta) + c\,D(x) + w\,C(x), \qquad
        C(x) = \tfrac1d (e(x) - e_0(x))^\top \Sigma_0^{-1} (e(x) - e_0(x))

    The statistics :math:`e = (\mu, \log\sigma^2)` of all layers on the mean path are those of the
    encoder, :math:`e_0` those before. With the objective ``codes``, :math:`D = C`, as in FARE. With
    ``reconstruction``, :math:`D(x + \delta) = \|R(x + \delta) - x\|^2 / V`, where :math:`R` decodes
    the means and V is the summed variance of the pixels, so that a clean D is the unexplained
    variance. The clean terms are those of a quarter of the batch, because most radii are small.

    :math:`\Sigma_0` is diagonal: variances of :math:`e_0` over the images. A unit that encodes
    nothing has a variance near 0, and its noise would dominate; variances are therefore at least
    0.01 of their mean over the units.

    Args:
        model: the model.
        encoder: its encoder's weights, before and now.
        config: objective, norm and weights.
        covariance: the diagonal of :math:`\Sigma_0`, :math:`(d)`.
        variance: V.
        radius: the largest r.

    Source: Schlarmann et al. (2024), "Robust CLIP" (FARE), for the objective ``codes``.
    """

    model: Autoencoder
    encoder: EncoderWeights
    config: HardeningConfig
    covariance: Tensor
    variance: Tensor
    radius: float

    @classmethod
    def of(
        cls, model: Autoencoder, encoder: EncoderWeights, config: HardeningConfig, images: Tensor
    ) -> "HardeningLoss":
        r"""The loss with the scales of a sample of images :math:`(N, \text{event})`, N > 1.

        Raises:
            ConfigError: no gradient of the reconstruction reaches the encoder.
        """
        reconstruction = model.decode(model.encode(images[:2]).z).mean
        if config.objective == "reconstruction" and not encoder.reached_from(reconstruction):
            raise ConfigError(
                "no gradient of the reconstruction reaches the encoder, as behind a quantiser: use "
                "objective codes"
            )
        with torch.no_grad():
            parts = [statistics(model.encode(part)) for part in images.split(config.batch_size)]
            spread = torch.cat(parts).var(0)
        flat = images.flatten(1)
        # disjoint pairs, unlike `median_distance` of training: stored hardenings, which resume bit
        # for bit, have radii from these, and a sample of thousands has millions of pairs
        half = len(flat) // 2
        distance = (flat[:half] - flat[half : 2 * half]).norm(dim=1).median()
        scale = bounds_of(model).span if config.norm == "linf" else float(distance)
        floored = spread.clamp_min(_FLOOR * float(spread.mean()))
        return cls(
            model,
            encoder,
            config,
            floored.clamp_min(torch.finfo(floored.dtype).tiny),
            flat.var(0).sum(),
            config.largest_radius * scale,
        )

    def terms(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        r"""``adversarial``, ``clean`` and ``codes``: mean D(x+δ), D(x) and C(x), scalars."""
        clean = x[: -(-len(x) // _CLEAN)]
        with self.encoder.as_before():
            of_codes = self.config.objective == "codes"
            before = statistics(self.model.encode(x if of_codes else clean))
        bounds, steps = bounds_of(self.model), self.config.inner_steps
        radius = self.radius * torch.rand(len(x), generator=generator)
        ball = NormBall.of(self.config.norm, radius, like=x)
        noise = torch.randn(x.shape, generator=generator).to(x)
        distorted = ascend(
            lambda moved: self._distance(self.model.encode(moved), before, x),
            x,
            bounds.clamp(x + _START * ball.steepest(noise)),
            ball,
            bounds,
            steps=steps,
            length=min(1.0, _REACH / steps),
        )
        posterior = self.model.encode(clean)
        return {
            "adversarial": self._distance(self.model.encode(distorted), before, x).mean(),
            "clean": self._distance(posterior, before[: len(clean)], clean).mean(),
            "codes": self._moved(posterior, before[: len(clean)]).mean(),
        }

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """The weighted sum of the terms."""
        weighted = self.config.clean_weight * terms["clean"]
        return terms["adversarial"] + weighted + self.config.originality * terms["codes"]

    def _distance(self, posterior: Posterior, before: Tensor, x: Tensor) -> Tensor:
        """D of each image, :math:`(B)`."""
        if self.config.objective == "codes":
            return self._moved(posterior, before)
        error = self.model.decode(posterior.z).mean - x
        return error.flatten(1).square().sum(1) / self.variance

    def _moved(self, posterior: Posterior, before: Tensor) -> Tensor:
        """C of each image, :math:`(B)`."""
        return ((statistics(posterior) - before).square() / self.covariance).mean(1)
