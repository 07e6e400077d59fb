"""A VAE with L ≥ 1 layers of diagonal-Gaussian latents, the model of every preset."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seatbelt_vae.config.model import Architecture
from seatbelt_vae.distributions import BernoulliImage, ImageDistribution, Normal, NormalImage
from seatbelt_vae.errors import ShapeError
from seatbelt_vae.models.lipschitz import LipschitzDecoder, LipschitzEncoder, LipschitzHead
from seatbelt_vae.models.networks import (
    ConvDecoder,
    ConvEncoder,
    GaussianHead,
    MLPDecoder,
    MLPEncoder,
    hierarchy_net,
    unit_variance_head,
)
from seatbelt_vae.models.pretrained import Pretrained
from seatbelt_vae.protocol import Noise, Posterior, draw_noise

__all__ = ["LOG_VARIANCE_BOUND", "HierarchicalVAE"]

LOG_VARIANCE_BOUND = 20.0
"""Bound of log-variances, ±. A unit at the bound has no gradient, and a flag counts such units."""


class HierarchicalVAE(Pretrained):
    r"""A variational autoencoder with :math:`L` layers of latents (Willetts et al. 2021, eqs. 5-8).

    .. math::
        q(z|x) = q(z^1|x) \prod_{i<L} q(z^{i+1}|z^i, x), \qquad
        p(x, z) = p(x|z^1, \dots, z^L) \prod_{i<L} p(z^i|z^{i+1})\; \mathcal N(z^L; 0, I)

    The image enters every conditional of :math:`q` through the encoder's shared features,
    concatenated with :math:`z^i`. :math:`L = 1` is the ordinary VAE.

    Args:
        architecture: sizes, likelihood, bounds.

    Raises:
        ShapeError: images or noise do not have the shape of the architecture.

    Example:
        >>> from seatbelt_vae.config import ModelConfig, resolve
        >>> model = HierarchicalVAE(resolve(ModelConfig(), "dsprites", (1, 64, 64), (-1.0, 1.0)))
        >>> posterior = model.eval().encode(torch.zeros(2, 1, 64, 64))
        >>> [tuple(z.shape) for z in posterior.z]
        [(2, 48), (2, 24), (2, 12), (2, 6)]
        >>> tuple(model.decode(posterior.z).mean.shape)
        (2, 1, 64, 64)
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        sizes = architecture.latent_sizes
        decoded = sizes[0] if architecture.chain_likelihood else sum(sizes)
        self.encoder, self.decoder = _image_networks(architecture, decoded)
        features = architecture.features
        self.posterior_head = _head(architecture)
        self.posterior_nets = nn.ModuleList()
        self.prior_nets = nn.ModuleList()
        for below, above, width in zip(
            sizes, sizes[1:], architecture.hierarchy_widths, strict=False
        ):
            upward = hierarchy_net(features + below, width)
            downward = hierarchy_net(above, width)
            self.posterior_nets.append(nn.Sequential(upward, unit_variance_head(width, above)))
            self.prior_nets.append(nn.Sequential(downward, unit_variance_head(width, below)))

    @property
    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest value of a pixel."""
        return self.architecture.bounds

    @property
    def event_shape(self) -> tuple[int, int, int]:
        """:math:`(C, H, W)`."""
        return self.architecture.image_shape

    @property
    def latent_sizes(self) -> tuple[int, ...]:
        r""":math:`(d_1, \dots, d_L)`, the layer next to the data first."""
        return self.architecture.latent_sizes

    @property
    def lipschitz_constant(self) -> float | None:
        r"""A bound of :math:`\|R(x) - R(y)\|_2 / \|x - y\|_2`; None without one."""
        if self.architecture.lipschitz_constants is None:
            return None
        encoder, decoder = self.architecture.lipschitz_constants
        low, high = self.bounds
        # the largest slope of a sigmoid is a quarter
        slope = (high - low) / 4 if self.architecture.likelihood == "bernoulli" else 1.0
        return encoder * decoder * slope

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        r"""The posterior chain along one path.

        Args:
            x: images :math:`(B, C, H, W)` inside the bounds.
            noise: standard normal draws, :math:`(*K, B, d_i)` per layer; None takes the means.
        """
        self._check(x, noise)
        features = self.encoder(x)
        conditional = _gaussian(self.posterior_head(features))
        layers, path = [conditional], [_step(conditional, noise, 0)]
        for i, net in enumerate(self.posterior_nets, start=1):
            z = path[-1]
            inputs = torch.cat([features.expand(*z.shape[:-1], -1), z], dim=-1)
            conditional = _gaussian(_over_rows(net, inputs))
            layers.append(conditional)
            path.append(_step(conditional, noise, i))
        return Posterior(tuple(layers), tuple(path))

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        r""":math:`p(z^i|z^{i+1})` for every layer, :math:`\mathcal N(0, I)` at the top."""
        conditionals = [
            _gaussian(_over_rows(net, above))
            for net, above in zip(self.prior_nets, z[1:], strict=True)
        ]
        return (*conditionals, Normal(z[-1], z[-1]).standard_normal())

    def decode(self, z: Sequence[Tensor]) -> ImageDistribution:
        r"""The likelihood :math:`p(x|z)`, given all layers (:math:`z^1` for a chain)."""
        inputs = z[0] if self.architecture.chain_likelihood else torch.cat(list(z), dim=-1)
        image = _at_least_float32(_over_rows(self.decoder, inputs))
        if self.architecture.likelihood == "gaussian":
            return NormalImage(image, self.architecture.variance)
        return BernoulliImage(image, self.bounds)

    def generate(self, count: int, generator: torch.Generator) -> Tensor:
        r"""Mean images of ``count`` ancestral draws from the prior, :math:`(B, C, H, W)`."""
        like = next(self.parameters())
        noise = draw_noise(self.latent_sizes, (count,), generator, like=like)
        path = [noise[-1]]
        for net, eps in zip(reversed(self.prior_nets), reversed(noise[:-1]), strict=True):
            path.insert(0, _gaussian(net(path[0])).sample(eps))
        return self.decode(path).mean

    def _check(self, x: Tensor, noise: Noise | None) -> None:
        if x.shape[1:] != self.event_shape or x.ndim != 4:
            raise ShapeError(
                f"images of shape {tuple(x.shape)}, expected (batch, "
                f"{', '.join(map(str, self.event_shape))}) as in the architecture"
            )
        if noise is None:
            return
        got = [tuple(n.shape[-2:]) for n in noise]
        expected = [(len(x), d) for d in self.latent_sizes]
        if got != expected:
            raise ShapeError(f"noise of shapes {got}, expected {expected} (batch, units) per layer")


def _image_networks(architecture: Architecture, decoded: int) -> tuple[nn.Module, nn.Module]:
    shape, features = architecture.image_shape, architecture.features
    if architecture.network == "mlp":
        return MLPEncoder(shape, features), MLPDecoder(decoded, shape, features)
    filters = architecture.filters
    if architecture.lipschitz_constants is not None:
        constant = architecture.lipschitz_constants[1]
        decoder = LipschitzDecoder(decoded, shape, filters, features, constant)
        return LipschitzEncoder(shape, filters, features), decoder
    return ConvEncoder(shape, filters, features), ConvDecoder(decoded, shape, filters, features)


def _head(architecture: Architecture) -> nn.Module:
    """The mean and the log-variance of the layer next to the data."""
    features, latents = architecture.features, architecture.latent_sizes[0]
    if architecture.lipschitz_constants is not None:
        return LipschitzHead(features, latents, architecture.lipschitz_constants[0])
    return GaussianHead(features, latents)


def _gaussian(parameters: Tensor) -> Normal:
    mean, log_variance = _at_least_float32(parameters).chunk(2, dim=-1)
    return Normal(mean, log_variance.clamp(-LOG_VARIANCE_BOUND, LOG_VARIANCE_BOUND))


def _step(conditional: Normal, noise: Noise | None, layer: int) -> Tensor:
    return conditional.mean if noise is None else conditional.sample(noise[layer])


def _at_least_float32(values: Tensor) -> Tensor:
    """Cast bfloat16 to float32, since sums over pixels and KLs need more digits."""
    return values.float() if values.dtype == torch.bfloat16 else values


def _over_rows(net: nn.Module, z: Tensor) -> Tensor:
    """Apply a network to (*K, B, d) as to (rows, d)."""
    out: Tensor = net(z.reshape(-1, z.shape[-1]))
    return out.reshape(*z.shape[:-1], *out.shape[1:])
