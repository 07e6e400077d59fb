"""Checks of the declarations of a model, and of the shapes of its results."""

import math
from collections.abc import Sequence

import torch

from seatbelt_vae.distributions import ImageDistribution, Normal
from seatbelt_vae.errors import ModelError
from seatbelt_vae.protocol import (
    Autoencoder,
    Capabilities,
    Noise,
    Posterior,
    capabilities_of,
    event_shape_of,
)
from seatbelt_vae.testing.probe import Probe
from seatbelt_vae.testing.requirements import (
    EVALUATION_MODE,
    require_equal,
    require_normals,
    require_tensor,
    result_of,
    tolerance,
)

__all__ = ["check_declarations", "check_decoder", "check_encoder", "check_prior"]


def check_declarations(model: Autoencoder) -> None:
    names = ["bounds", "event_shape", "latent_sizes", "encode", "decode"]
    names += ["prior"] if capabilities_of(model).prior else []
    declared = {"event_shape"} if event_shape_of(model) else set()
    missing = [name for name in names if name not in declared and not hasattr(model, name)]
    if missing:
        raise ModelError(
            f"{type(model).__name__} has no {', '.join(missing)}: an autoencoder has "
            f"{', '.join(names)} (see seatbelt_vae.protocol.Autoencoder)"
        )
    bounds, shape, sizes = model.bounds, event_shape_of(model), model.latent_sizes
    if bounds is not None and not _are_bounds(bounds):
        raise ModelError(
            f"bounds are {bounds}, expected two finite numbers, the smaller first: give the "
            f"smallest and the largest value of a pixel, two tensors of them, or None"
        )
    if not _are_sizes(shape):
        raise ModelError(
            f"event_shape is {shape}, expected one or more sizes of at least 1: give (C, H, W) "
            f"of images, (n,) of vectors"
        )
    if not _are_sizes(sizes):
        raise ModelError(
            f"latent_sizes is {sizes}, expected one or more sizes of at least 1: give the units "
            f"of each layer, the one next to the data first"
        )


def check_encoder(model: Autoencoder, probe: Probe) -> None:
    has, x = capabilities_of(model), probe.x.clone()
    zeros = tuple(torch.zeros_like(n) for n in probe.noise)
    calls = [result_of("encode(x)", model.encode, images) for images in (x, probe.x.clone())]
    known, again = (_check_posterior("encode(x)", found, zeros, has) for found in calls)
    if has.repeatable:
        require_equal(
            again.z,
            known.z,
            "encode(x) must return the same in a second call, but it samples",
            "return the mean and the log-variance, not a sample, draw no noise besides the "
            "argument, and call eval() of layers such as Dropout that model.eval() does not "
            "reach",
        )
    first, second, both = (
        _check_posterior(name, result_of(name, model.encode, x, noise), noise, has)
        for name, noise in (
            ("encode(x, noise)", probe.noise),
            ("encode(x, noise)", probe.other_noise),
            (f"encode(x, noise) with {len(probe.draws[0])} draws", probe.draws),
        )
    )
    constant = [i + 1 for i, (a, b) in enumerate(zip(first.z, second.z, strict=True)) if a.equal(b)]
    if constant and has.posterior and has.reparameterised:
        raise ModelError(
            f"z of layers {constant} is the same under two different noises: scale the given noise "
            f"by a standard deviation above zero"
        )
    for k, encoded in enumerate((first, second) if has.repeatable else ()):
        require_equal(
            [z[k] for z in both.z],
            encoded.z,
            "encode with noise of shape (K, B, d) must give the results of K calls with (B, d)",
            f"treat draws as more rows, and {EVALUATION_MODE}",
        )
    require_equal([x], [probe.x], "encode must not change its images", "never write to x")


def _check_posterior(call: str, posterior: Posterior, noise: Noise, has: Capabilities) -> Posterior:
    shapes = [tuple(n.shape) for n in noise]
    if not isinstance(posterior, Posterior):
        raise ModelError(
            f"{call} gave {type(posterior).__name__}, expected a seatbelt_vae.protocol.Posterior "
            f"of layers and codes: return Posterior(layers, z)"
        )
    for name in ("layers", "z"):
        if not isinstance(part := getattr(posterior, name), tuple | list):
            raise ModelError(
                f"{call} gave a Posterior whose {name} is a {type(part).__name__}, expected a "
                f"tuple with one item per layer: write ({name},) for one layer"
            )
    if has.posterior:
        require_normals(call, posterior.layers, shapes)
    found = [tuple(z.shape) for z in posterior.z]
    if found != shapes:
        raise ModelError(
            f"{call} gave z of shapes {found}, expected {shapes}: one z per layer, flattened to "
            f"one dimension of units"
        )
    if has.posterior and has.reparameterised:
        require_equal(
            posterior.z,
            [layer.sample(eps) for layer, eps in zip(posterior.layers, noise, strict=True)],
            f"the z of {call} must be mean + std·noise of its layers (the mean without noise)",
            "scale the given noise by the standard deviation exp(log_variance / 2), and draw no "
            "other, or declare Capabilities(reparameterised=False)",
        )
    return posterior


def check_prior(model: Autoencoder, probe: Probe) -> None:
    if not capabilities_of(model).prior:
        return
    for z in (probe.noise, probe.draws):
        layers: tuple[Normal, ...] = result_of("prior(z)", model.prior, z)
        require_normals("prior(z)", layers, [tuple(part.shape) for part in z])
        top = layers[-1]
        require_equal(
            [top.mean, top.log_variance],
            [torch.zeros_like(top.mean), torch.zeros_like(top.log_variance)],
            "the top layer of prior(z) must be N(0, I)",
            "end the prior with standard_normal(); a learnt prior is one more layer below it",
        )


def check_decoder(model: Autoencoder, probe: Probe) -> None:
    for z in (probe.noise, probe.draws):
        rows = tuple(z[0].shape[:-1])
        decoded = result_of("decode(z)", model.decode, z)
        if not capabilities_of(model).likelihood and hasattr(decoded, "mean"):
            require_tensor("decode(z).mean", decoded.mean, (*rows, *event_shape_of(model)))
            continue
        if not isinstance(decoded, ImageDistribution):
            raise ModelError(
                f"decode(z) gave {type(decoded).__name__}, expected an image distribution with "
                f"mean, log_prob and max_log_prob: return NormalImage or BernoulliImage, or "
                f"declare Capabilities(likelihood=False)"
            )
        values = result_of("log_prob(x)", decoded.log_prob, probe.x)
        largest = result_of("max_log_prob(x)", decoded.max_log_prob, probe.x)
        require_tensor("decode(z).mean", decoded.mean, (*rows, *event_shape_of(model)))
        require_tensor("decode(z).log_prob(x)", values, rows)
        require_tensor("decode(z).max_log_prob(x)", largest, rows[-1:])
        excess = (values - largest).max().item()
        if excess > tolerance(largest):
            raise ModelError(
                f"log_prob(x) is {excess:.3g} nats above max_log_prob(x), the largest value of any "
                f"decoder output: give both the same normaliser"
            )


def _are_bounds(bounds: object) -> bool:
    match bounds:
        case (int() | float() as low, int() | float() as high):
            return math.isfinite(low) and math.isfinite(high) and low < high
        case (torch.Tensor() as low, torch.Tensor() as high):
            return bool((low < high).all())
        case _:
            return False


def _are_sizes(sizes: object) -> bool:
    if not isinstance(sizes, Sequence) or not sizes:
        return False
    return all(isinstance(size, int) and size >= 1 for size in sizes)
