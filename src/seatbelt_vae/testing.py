"""Does a model keep the promises of `seatbelt_vae.protocol`? One call passes, or says what broke.

Attacks and measures trust these promises without looking again: an encoder that draws hidden
noise, or a BatchNorm left in training mode, makes a model look robust that is not.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from seatbelt_vae.config.checks import at_least
from seatbelt_vae.distributions import ImageDistribution, Normal
from seatbelt_vae.errors import ModelError
from seatbelt_vae.protocol import Autoencoder, Noise, Posterior, draw_noise, modules_of

__all__ = ["check_autoencoder"]

_DRAWS = 2
_EVALUATION_MODE = "put the model into evaluation mode (model.eval())"

Result = TypeVar("Result")


def check_autoencoder(model: Autoencoder, *, batch: int = 3, seed: int = 0) -> None:
    r"""Raise unless ``model`` is an `Autoencoder` that attacks and measures can trust.

    Checked on random images in the bounds: what is declared, shapes without noise and with noise
    :math:`(B, d_i)` and :math:`(K, B, d_i)`, :math:`z = \mu + \sigma\odot\epsilon`, finite
    values, repeatable maps, rows that do not depend on one another, :math:`\mathcal N(0, I)` at
    the top of the prior, :math:`\log p \leq \max\log p`, gradients with respect to the image, and
    that images, parameters and buffers are left as they were.

    Args:
        model: anything with the protocol's six names; it need not be a ``torch.nn.Module``.
            Probes take the type and the device of its first parameter (else float32, CPU).
        batch: images in a probe, at least 2.
        seed: seed of the probes.

    Raises:
        ModelError: a promise is broken; the line says which, what was found, and what to do.
        ConfigError: ``batch`` is below 2.

    Example:
        >>> from seatbelt_vae.config import ModelConfig, resolve
        >>> from seatbelt_vae.models import HierarchicalVAE
        >>> settings = ModelConfig(preset="vae", network="mlp", features=8)
        >>> model = HierarchicalVAE(resolve(settings, "dsprites", (1, 8, 8), (-1.0, 1.0)))
        >>> check_autoencoder(model.eval())
    """
    at_least("batch", batch, 2)
    _check_declarations(model)
    probe = _Probe.of(model, batch, seed)
    before = _state(model)
    with torch.no_grad():
        _check_encoder(model, probe)
        _check_prior(model, probe)
        _check_decoder(model, probe)
        _check_maps(model, probe)
    _check_gradients(model, probe)
    _check_untouched(model, before)


@dataclass(frozen=True)
class _Probe:
    """Images and noise; the second of each pair is drawn like the first and differs from it."""

    x: Tensor
    other_x: Tensor
    noise: tuple[Tensor, ...]
    other_noise: tuple[Tensor, ...]

    @classmethod
    def of(cls, model: Autoencoder, batch: int, seed: int) -> "_Probe":
        generator = torch.Generator().manual_seed(seed)
        like = next(
            (p for m in modules_of(model) for p in m.parameters() if p.is_floating_point()),
            torch.empty(0),
        )
        low, high = model.bounds
        units = torch.rand(2, batch, *model.image_shape, generator=generator, dtype=torch.float64)
        x, other_x = (low + (high - low) * units).to(like)
        noise, other_noise = (
            draw_noise(model.latent_sizes, (batch,), generator, like=like) for _ in range(2)
        )
        return cls(x, other_x, noise, other_noise)

    @property
    def draws(self) -> tuple[Tensor, ...]:
        pairs = zip(self.noise, self.other_noise, strict=True)
        return tuple(torch.stack(pair) for pair in pairs)


def _check_declarations(model: Autoencoder) -> None:
    names = ("bounds", "image_shape", "latent_sizes", "encode", "prior", "decode")
    missing = [name for name in names if not hasattr(model, name)]
    if missing:
        raise ModelError(
            f"{type(model).__name__} has no {', '.join(missing)}: an autoencoder has "
            f"{', '.join(names)} (see seatbelt_vae.protocol.Autoencoder)"
        )
    bounds, shape, sizes = model.bounds, model.image_shape, model.latent_sizes
    if not _are_bounds(bounds):
        raise ModelError(
            f"bounds are {bounds}, expected two finite numbers, the smaller first: give the "
            f"smallest and the largest value of a pixel"
        )
    if not _are_sizes(shape) or len(shape) != 3:
        raise ModelError(
            f"image_shape is {shape}, expected three sizes of at least 1: give (C, H, W)"
        )
    if not _are_sizes(sizes):
        raise ModelError(
            f"latent_sizes is {sizes}, expected one or more sizes of at least 1: give the units "
            f"of each layer, the one next to the data first"
        )


def _check_encoder(model: Autoencoder, probe: _Probe) -> None:
    x = probe.x.clone()
    zeros = tuple(torch.zeros_like(n) for n in probe.noise)
    _check_posterior("encode(x)", _call("encode(x)", model.encode, x), zeros)
    one, other, many = (
        _check_posterior(call, _call(call, model.encode, x, noise), noise)
        for call, noise in (
            ("encode(x, noise)", probe.noise),
            ("encode(x, noise)", probe.other_noise),
            (f"encode(x, noise) with {_DRAWS} draws", probe.draws),
        )
    )
    still = [i + 1 for i, (a, b) in enumerate(zip(one.z, other.z, strict=True)) if a.equal(b)]
    if still:
        raise ModelError(
            f"z of layers {still} is the same under two different noises: scale the given noise "
            f"by a standard deviation above zero"
        )
    for k, single in enumerate((one, other)):
        _require_equal(
            [z[k] for z in many.z],
            single.z,
            "encode with noise of shape (K, B, d) must give what K calls with (B, d) give",
            f"treat draws as more rows, and {_EVALUATION_MODE}",
        )
    _require_equal([x], [probe.x], "encode must leave its images alone", "never write to x")


def _check_posterior(call: str, posterior: Posterior, noise: Noise) -> Posterior:
    shapes = [tuple(n.shape) for n in noise]
    _require_normals(call, posterior.layers, shapes)
    found = [tuple(z.shape) for z in posterior.z]
    if found != shapes:
        raise ModelError(f"{call} gave z of shapes {found}, expected {shapes}: one z a layer")
    _require_equal(
        posterior.z,
        [layer.sample(eps) for layer, eps in zip(posterior.layers, noise, strict=True)],
        f"the z of {call} must be mean + std·noise of its layers (the mean without noise)",
        "scale the given noise by the standard deviation exp(log_variance / 2), and draw no other",
    )
    return posterior


def _require_normals(call: str, layers: Sequence[Normal], shapes: list[tuple[int, ...]]) -> None:
    """Raise unless there is a finite `Normal` a layer; what draws share needs no repetition."""
    if len(layers) != len(shapes):
        raise ModelError(f"{call} gave {len(layers)} layers, expected {len(shapes)}: one a latent")
    for i, (layer, shape) in enumerate(zip(layers, shapes, strict=True), start=1):
        if not isinstance(layer, Normal):
            raise ModelError(
                f"layer {i} of {call} is {type(layer).__name__}, expected Normal: wrap mean and "
                f"log-variance in seatbelt_vae.distributions.Normal"
            )
        for name in ("mean", "log_variance"):
            where = f"the {name} of layer {i} of {call}"
            _require_tensor(where, getattr(layer, name), shape, shape[-2:])


def _require_tensor(name: str, tensor: Tensor, *shapes: tuple[int, ...]) -> None:
    if tuple(tensor.shape) not in shapes:
        raise ModelError(
            f"{name} has shape {tuple(tensor.shape)}, expected {shapes[0]}: keep the leading "
            f"shape of the noise, one row an image"
        )
    if not tensor.isfinite().all():
        raise ModelError(
            f"{name} is not finite on images in the bounds, expected finite numbers: train with a "
            f"smaller learning rate, clamp log-variances"
        )


def _require_equal(
    found: Sequence[Tensor], expected: Sequence[Tensor], promise: str, remedy: str
) -> None:
    for one, other in zip(found, expected, strict=True):
        difference = (one - other).abs().max().item()
        if difference > _tolerance(other):
            raise ModelError(f"{promise}, found a difference of {difference:.2g}: {remedy}")


def _tolerance(tensor: Tensor) -> float:
    """Half the digits of the tensor's type, relative to its largest value."""
    digits: float = torch.finfo(tensor.dtype).eps ** 0.5
    return digits * (1 + tensor.abs().max().item())


def _check_prior(model: Autoencoder, probe: _Probe) -> None:
    for z in (probe.noise, probe.draws):
        layers: tuple[Normal, ...] = _call("prior(z)", model.prior, z)
        _require_normals("prior(z)", layers, [tuple(part.shape) for part in z])
        top = layers[-1]
        _require_equal(
            [top.mean, top.log_variance],
            [torch.zeros_like(top.mean), torch.zeros_like(top.log_variance)],
            "the top layer of prior(z) must be N(0, I)",
            "end the prior with standard_normal(); a learnt prior is one more layer below it",
        )


def _check_decoder(model: Autoencoder, probe: _Probe) -> None:
    for z in (probe.noise, probe.draws):
        rows = tuple(z[0].shape[:-1])
        decoded: ImageDistribution = _call("decode(z)", model.decode, z)
        if not isinstance(decoded, ImageDistribution):
            raise ModelError(
                f"decode(z) gave {type(decoded).__name__}, expected an image distribution with "
                f"mean, log_prob and max_log_prob: return NormalImage or BernoulliImage"
            )
        values = _call("log_prob(x)", decoded.log_prob, probe.x)
        largest = _call("max_log_prob(x)", decoded.max_log_prob, probe.x)
        _require_tensor("decode(z).mean", decoded.mean, (*rows, *model.image_shape))
        _require_tensor("decode(z).log_prob(x)", values, rows)
        _require_tensor("decode(z).max_log_prob(x)", largest, rows[-1:])
        excess = (values - largest).max().item()
        if excess > _tolerance(largest):
            raise ModelError(
                f"log_prob(x) is {excess:.3g} nats above max_log_prob(x), the largest value any "
                f"decoder output could reach: give both the same normaliser"
            )


def _check_maps(model: Autoencoder, probe: _Probe) -> None:
    """The same input again gives the same; changing every row but one leaves that one alone."""
    x, noise = probe.x, probe.noise
    for name, give in _maps(model).items():
        first = give(x, noise)
        promise = f"{name} must give the same result every time"
        remedy = f"{_EVALUATION_MODE}, and draw no noise but the one given"
        _require_equal(give(x, noise), first, promise, remedy)
        for row in (0, len(x) - 1):
            keep = torch.arange(len(x), device=x.device) == row
            others = [
                torch.where(keep[:, None], n, o)
                for n, o in zip(noise, probe.other_noise, strict=True)
            ]
            among = give(torch.where(keep[:, None, None, None], x, probe.other_x), others)
            _require_equal(
                [part[row] for part in among],
                [part[row] for part in first],
                f"{name} of one row must not depend on the other rows",
                f"{_EVALUATION_MODE}: BatchNorm in training mode mixes rows",
            )


def _maps(model: Autoencoder) -> dict[str, Callable[[Tensor, Noise], list[Tensor]]]:
    return {
        "encode(x)": lambda x, _: _parameters(model.encode(x).layers),
        "encode(x, noise)": lambda x, noise: _parameters(model.encode(x, noise).layers),
        "prior(z)": lambda _, z: _parameters(model.prior(z)),
        "decode(z)": lambda _, z: [model.decode(z).mean],
    }


def _parameters(layers: Sequence[Normal]) -> list[Tensor]:
    return [part for layer in layers for part in (layer.mean, layer.log_variance)]


def _check_gradients(model: Autoencoder, probe: _Probe) -> None:
    with torch.enable_grad():
        x = probe.x.clone().requires_grad_()
        posterior = model.encode(x, probe.noise)
        _check_gradient("the encoding", _parameters(posterior.layers), x)
        _check_gradient("the reconstruction", [model.decode(posterior.z).mean], x)


def _check_gradient(name: str, outputs: Sequence[Tensor], x: Tensor) -> None:
    value = torch.stack([output.square().sum() for output in outputs]).sum()
    promise = f"the gradient of {name} with respect to the image"
    remedy = "keep the map differentiable: no detach, no_grad, rounding or saturated output"
    gradient: Tensor | None = None
    if value.requires_grad:
        (gradient,) = torch.autograd.grad(value, x, retain_graph=True, allow_unused=True)
    if gradient is None:
        raise ModelError(f"{promise} does not exist, attacks need it: {remedy}")
    if not gradient.isfinite().all():
        raise ModelError(f"{promise} is not finite, attacks need it: {remedy}")
    dead = int((gradient.flatten(1) == 0).all(dim=1).sum())
    if dead:
        raise ModelError(f"{promise} is zero in {dead} of {len(x)} images: {remedy}")


def _check_untouched(model: Autoencoder, before: list[tuple[str, Tensor]]) -> None:
    for (name, old), (_, new) in zip(before, _state(model), strict=True):
        if not torch.equal(old, new):
            raise ModelError(
                f"{name!r} changed while the model was only used, expected parameters, their "
                f"gradients and buffers to stay as they are: {_EVALUATION_MODE}"
            )


def _state(model: object) -> list[tuple[str, Tensor]]:
    """Copies of all parameters, their gradients, and buffers that the model holds."""
    copies = []
    for module in modules_of(model):
        copies += [(name, tensor.detach().clone()) for name, tensor in module.state_dict().items()]
        for name, parameter in module.named_parameters():
            gradient = torch.empty(0) if parameter.grad is None else parameter.grad.clone()
            copies.append((f"{name}.grad", gradient))
    return copies


def _are_bounds(bounds: object) -> bool:
    match bounds:
        case (int() | float() as low, int() | float() as high):
            return math.isfinite(low) and math.isfinite(high) and low < high
        case _:
            return False


def _are_sizes(sizes: object) -> bool:
    if not isinstance(sizes, Sequence) or not sizes:
        return False
    return all(isinstance(size, int) and size >= 1 for size in sizes)


def _call(name: str, function: Callable[..., Result], *arguments: Any) -> Result:
    try:
        return function(*arguments)
    except (TypeError, ValueError, RuntimeError, LookupError, AttributeError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise ModelError(
            f"{name} raised {type(error).__name__} ({reason}), expected a result: take images "
            f"(B, C, H, W), and noise or z of shapes (B, d) and (K, B, d), one a layer"
        ) from error
