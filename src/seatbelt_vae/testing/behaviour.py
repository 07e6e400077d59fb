"""Checks of behaviour: repeatable maps of independent rows, gradients, no side effects."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from seatbelt_vae.distributions import Normal
from seatbelt_vae.errors import ModelError
from seatbelt_vae.protocol import (
    Autoencoder,
    Noise,
    Posterior,
    capabilities_of,
    modules_of,
    training_modules,
)
from seatbelt_vae.testing.probe import Probe
from seatbelt_vae.testing.requirements import EVALUATION_MODE, require_equal

__all__ = [
    "check_gradients",
    "check_maps",
    "check_modes",
    "check_random_decoder",
    "check_untouched",
    "state_of",
]

_ROUNDED = 1e-3
_AT_ENDS = 0.9


def check_modes(model: Autoencoder) -> None:
    """Raise if a layer that differs between modes is in training mode, however deep it is."""
    for name, module in training_modules(model):
        if isinstance(module, _BatchNorm | _DropoutNd):
            raise ModelError(
                f"the layer {name or 'module'} ({type(module).__name__}) is in training mode, "
                f"expected evaluation mode: {EVALUATION_MODE}, also inside wrappers and closures"
            )


def check_random_decoder(model: Autoencoder, probe: Probe) -> None:
    """Raise if ``decode`` draws noise of its own."""
    if not capabilities_of(model).repeatable:
        return
    z = probe.noise
    require_equal(
        [model.decode(z).mean],
        [model.decode(z).mean],
        "decode(z) must return the same in a second call, but the decoder is stochastic",
        "return its mean, or fix the generator of its noise",
    )


def check_maps(model: Autoencoder, probe: Probe) -> None:
    """Equal inputs give equal results, and a row does not depend on the other rows."""
    x, noise = probe.x, probe.noise
    for name, function in _maps(model).items():
        first = function(x, noise)
        promise = f"{name} must give the same result every time"
        remedy = f"{EVALUATION_MODE}, and draw no noise besides the argument"
        require_equal(function(x, noise), first, promise, remedy)
        for row in (0, len(x) - 1):
            kept = torch.arange(len(x), device=x.device) == row
            others = [
                torch.where(kept[:, None], n, o)
                for n, o in zip(noise, probe.other_noise, strict=True)
            ]
            kept = kept.view(-1, *[1] * (x.ndim - 1))
            changed = function(torch.where(kept, x, probe.other_x), others)
            require_equal(
                [part[row] for part in changed],
                [part[row] for part in first],
                f"{name} of one row must not depend on the other rows",
                f"{EVALUATION_MODE}, and normalise each row by itself: BatchNorm in training mode "
                f"and statistics over a batch mix rows",
            )


def _maps(model: Autoencoder) -> dict[str, Callable[[Tensor, Noise], list[Tensor]]]:
    capabilities = capabilities_of(model)
    if not capabilities.repeatable:
        return {}
    maps: dict[str, Callable[[Tensor, Noise], list[Tensor]]] = {
        "encode(x)": lambda x, _: _encoded(model.encode(x)),
        "encode(x, noise)": lambda x, noise: _encoded(model.encode(x, noise)),
        "decode(z)": lambda _, z: [model.decode(z).mean],
    }
    if capabilities.prior:
        maps["prior(z)"] = lambda _, z: parameters_of(model.prior(z))
    return maps


def _encoded(posterior: Posterior) -> list[Tensor]:
    """The layers' parameters, or the codes of an encoder without a posterior."""
    return parameters_of(posterior.layers) or list(posterior.z)


def parameters_of(layers: Sequence[Normal]) -> list[Tensor]:
    return [part for layer in layers for part in (layer.mean, layer.log_variance)]


def check_gradients(model: Autoencoder, probe: Probe) -> None:
    with torch.enable_grad():
        x = probe.x.clone().requires_grad_()
        posterior = model.encode(x, probe.noise)
        _check_gradient("the encoding", _encoded(posterior), x)
        _check_gradient("the reconstruction", [model.decode(posterior.z).mean], x)


def _check_gradient(name: str, outputs: Sequence[Tensor], x: Tensor) -> None:
    value = torch.stack([output.square().sum() for output in outputs]).sum()
    promise = f"the gradient of {name} with respect to the image"
    remedy = "keep the map differentiable: no detach, no_grad, rounding or saturated output"
    if not value.requires_grad:
        raise ModelError(
            f"{promise} does not exist, attacks need it: {remedy}; the model computes under "
            f"no_grad or inference_mode, or detaches its results"
        )
    gradient: Tensor | None = None
    (gradient,) = torch.autograd.grad(value, x, retain_graph=True, allow_unused=True)
    if gradient is None:
        raise ModelError(f"{promise} does not exist, attacks need it: {remedy}")
    if not gradient.isfinite().all():
        raise ModelError(f"{promise} is not finite, attacks need it: {remedy}")
    dead = int((gradient.flatten(1) == 0).all(dim=1).sum())
    # a good model may saturate on some of these random inputs
    if dead == len(x):
        cause = next((f"; {cause}" for cause in _causes(outputs)), "")
        raise ModelError(f"{promise} is zero in {dead} of {len(x)} images: {remedy}{cause}")


def _causes(outputs: Sequence[Tensor]) -> Iterator[str]:
    """Reasons for which results may not depend on inputs, as their values suggest."""
    values = torch.cat([output.detach().flatten() for output in outputs]).double()
    bytes_of = [values * 255, (values + 1) * 127.5, values]
    if any((scaled - scaled.round()).abs().max() < _ROUNDED for scaled in bytes_of):
        yield "every value is rounded, as to bytes: remove round() or byte() from the model"
    ends = (values == values.min()) | (values == values.max())
    if ends.double().mean() > _AT_ENDS:
        yield "the values are clamped to their ends: remove clamp(), or scale the inputs"


def check_untouched(model: Autoencoder, before: list[tuple[str, Tensor]]) -> None:
    for (name, old), (_, new) in zip(before, state_of(model), strict=True):
        if not torch.equal(old, new):
            raise ModelError(
                f"{name!r} changed in a call of the model, expected parameters, their gradients "
                f"and buffers to stay the same: {EVALUATION_MODE}"
            )


def state_of(model: object) -> list[tuple[str, Tensor]]:
    """Copies of all parameters, their gradients, and buffers."""
    copies = []
    for module in modules_of(model):
        copies += [(name, tensor.detach().clone()) for name, tensor in module.state_dict().items()]
        for name, parameter in module.named_parameters():
            gradient = torch.empty(0) if parameter.grad is None else parameter.grad.clone()
            copies.append((f"{name}.grad", gradient))
    return copies
