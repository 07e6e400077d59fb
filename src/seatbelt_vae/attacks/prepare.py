"""Checks and conversions before an attack: the model's mode and dtype, the images' type and range.

Attacks run in float32, or in float64 if the model does. A float16 or bfloat16 model is wrapped, so
that only the model sees its own dtype; its outputs return to float32.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seatbelt_vae.distributions import ImageDistribution, Normal
from seatbelt_vae.errors import ConfigError, DataError, ModelError, ShapeError
from seatbelt_vae.protocol import (
    Autoencoder,
    Capabilities,
    Noise,
    Posterior,
    bounds_of,
    capabilities_of,
    event_shape_of,
    modules_of,
    training_modules,
    units_of,
)

__all__ = ["as_images", "cast_images", "prepare", "prepare_model"]

_HALF = (torch.float16, torch.bfloat16)
_ROUNDING = 1e-6


def prepare(
    model: Autoencoder, x: Any, target: Any, *, targeted: bool
) -> tuple[Autoencoder, Tensor, Tensor]:
    """The model, inputs and targets as an attack needs them; the inputs where there is no target.

    Args:
        model: the autoencoder.
        x, target: tensors or NumPy arrays :math:`(P, *\\text{event})`; ``target`` may be None.
        targeted: whether the loss needs targets.

    Raises:
        ModelError: see `prepare_model`.
        ShapeError: images of another shape than the model's.
        DataError: see `as_images`; also an input that equals its target.
        ConfigError: no target for a targeted loss.
    """
    model = prepare_model(model)
    if target is None and targeted:
        raise ConfigError("no targets for a targeted loss: give targets, or use a damage loss")
    named = [("input", x)] if target is None else [("input", x), ("target", target)]
    tensors = [_as_tensor(name, images) for name, images in named]
    shapes = [tuple(images.shape) for images in tensors]
    expected = event_shape_of(model)
    if len(set(shapes)) > 1 or shapes[0][1:] != expected:
        raise ShapeError(
            f"images of shape {' and '.join(map(str, shapes))}, expected inputs and targets to be "
            f"(pairs, {', '.join(map(str, expected))})"
        )
    x, *others = (as_images(name, images, model) for name, images in named)
    if target is None:
        return model, x, x
    (target,) = others
    same = (x == target).flatten(1).all(1).nonzero()[:, 0].tolist()
    if same:
        raise DataError(
            f"input and target of pair {same[0]} are the same image: choose another pair"
        )
    return model, x, target


def prepare_model(model: Autoencoder) -> Autoencoder:
    """The model, wrapped if its weights are float16 or bfloat16.

    Raises:
        ModelError: a module is in training mode, or weights were made under inference mode.
    """
    if isinstance(model, _HalfPrecisionModel):
        return model
    for name, module in training_modules(model):
        raise ModelError(
            f"the model's {name or 'module'} ({type(module).__name__}) is in training mode, "
            f"expected evaluation mode: call model.eval()"
        )
    for part in modules_of(model):
        if any(weight.is_inference() for weight in part.parameters()):
            raise ModelError(
                "the model was made under torch.inference_mode(), so it has no gradients: make or "
                "load it outside"
            )
    weight = _first_weight(model)
    if weight is None or weight.dtype not in _HALF:
        return model
    return _HalfPrecisionModel(model, weight.dtype)


def as_images(name: str, images: Any, model: Autoencoder) -> Tensor:
    """Images as by `cast_images`, inside the model's bounds.

    Values outside the bounds by at most 10⁻⁶ of the range are rounding, and are clipped.

    Raises:
        DataError: as for `cast_images`; also values that are not finite or outside the bounds.
    """
    images, bounds = cast_images(name, images, model), bounds_of(model)
    low, high = (torch.as_tensor(bound).to(images) for bound in bounds)
    slack = (_ROUNDING * (high - low)).nan_to_num(0, 0, 0)
    inside = (images >= low - slack) & (images <= high + slack) & images.isfinite()
    if not bool(inside.all()):
        raise DataError(
            f"{name} image has values from {images.min():.7g} to {images.max():.7g}, expected "
            f"finite values inside the model's bounds [{low.min():g}, {high.max():g}]: rescale it"
        )
    return bounds.clamp(images)


def cast_images(name: str, images: Any, model: Autoencoder) -> Tensor:
    """Images as a detached tensor of the attack's dtype on the model's device.

    Raises:
        DataError: neither a tensor nor an array of real numbers.
    """
    tensor, weight = _as_tensor(name, images), _first_weight(model)
    dtype, device = (
        (tensor.dtype, tensor.device) if weight is None else (weight.dtype, weight.device)
    )
    if dtype not in (torch.float32, torch.float64):
        dtype = torch.float32
    return tensor.to(dtype=dtype, device=device)


def _as_tensor(name: str, images: Any) -> Tensor:
    if isinstance(images, np.ndarray) and images.dtype.kind in "fiu":
        wide = images.dtype == np.float64
        images = torch.from_numpy(images.astype(np.float64 if wide else np.float32))
    if not isinstance(images, Tensor) or images.is_complex():
        kind = getattr(images, "dtype", type(images).__name__)
        raise DataError(f"{name} images are {kind}, expected a tensor or array of real pixels")
    # autograd cannot use a tensor made under inference mode, but it can use a clone
    return images.detach().clone() if images.is_inference() else images.detach()


class _HalfPrecisionModel:
    """A float16 or bfloat16 model with float32 inputs and outputs."""

    def __init__(self, model: Autoencoder, dtype: torch.dtype) -> None:
        self.model, self.dtype = model, dtype

    @property
    def bounds(self) -> Any:
        """The model's bounds."""
        return self.model.bounds

    @property
    def scale(self) -> Tensor | None:
        """The model's units of L∞ budgets."""
        return units_of(self.model)

    @property
    def capabilities(self) -> Capabilities:
        """The model's capabilities."""
        return capabilities_of(self.model)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return event_shape_of(self.model)

    @property
    def latent_sizes(self) -> tuple[int, ...]:
        """The model's latent sizes."""
        return self.model.latent_sizes

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        """The posterior chain, float32."""
        drawn = None if noise is None else self._to_model(noise)
        posterior = self.model.encode(x.to(self.dtype), drawn)
        layers = tuple(_float32_normal(layer) for layer in posterior.layers)
        return Posterior(layers, tuple(z.float() for z in posterior.z))

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        """The conditional priors, float32."""
        return tuple(_float32_normal(layer) for layer in self.model.prior(self._to_model(z)))

    def decode(self, z: Sequence[Tensor]) -> ImageDistribution:
        """The likelihood; its mean and log-likelihoods are float32."""
        return _Float32Image(self.model.decode(self._to_model(z)))

    def _to_model(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(tensor.to(self.dtype) for tensor in tensors)


class _Float32Image:
    """An image distribution whose results are float32."""

    def __init__(self, distribution: ImageDistribution) -> None:
        self.distribution = distribution

    @property
    def mean(self) -> Tensor:
        """The expected image."""
        return self.distribution.mean.float()

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-likelihood of float32 images, nats per image."""
        return self.distribution.log_prob(x).float()

    def max_log_prob(self, x: Tensor) -> Tensor:
        """The largest log-likelihood any decoder output could give ``x``, nats per image."""
        return self.distribution.max_log_prob(x).float()


def _float32_normal(layer: Normal) -> Normal:
    return Normal(layer.mean.float(), layer.log_variance.float())


def _first_weight(model: Autoencoder) -> Tensor | None:
    """The first floating-point parameter, whose dtype and device are the model's, or None."""
    inner = model.model if isinstance(model, _HalfPrecisionModel) else model
    weights = (weight for part in modules_of(inner) for weight in part.parameters())
    return next((weight for weight in weights if weight.is_floating_point()), None)
