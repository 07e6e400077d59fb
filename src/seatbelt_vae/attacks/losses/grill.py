"""``grill``: the change of every network layer times the change of the reconstruction."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from seatbelt_vae.attacks.losses._bound import Loss, Parts
from seatbelt_vae.attacks.losses._paths import Walker
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.protocol import Noise, modules_of

__all__ = ["LayerProduct", "loss"]

DECLARATION = {"targeted": False, "bounded": False}

Activations = dict[tuple[int, int], Tensor]
"""Outputs :math:`(R, *)` of layers, by the number of the layer and of its call."""


@dataclass(frozen=True)
class LayerProduct(Loss):
    r"""GRILL: :math:`r = -\big(\sum_l \delta(h_l(x^*), h_l(x))\big)\,\delta(R(x^*), R(x))`.

    :math:`\delta(a, b)` is the mean of :math:`(a - b)^2` over units, :math:`h_l` the output of
    network layer l of encoder and decoder, and R the reconstruction. In a layer with singular
    values near 0 the gradient of the last factor vanishes; the sum restores it. The loss is smooth,
    without a floor, and averaged over draws on the noisy paths.

    Layers are the modules without submodules below the model, found by `modules_of` and observed by
    forward hooks. Without observable modules, as in a function or an exported program, they are the
    codes of each latent layer and the reconstruction.

    Source: Krishnamurthy Ramanaik, Roy, Callies and Ntoutsi (2025), arXiv:2505.03646: the L2 form
    with equal weights of layers, as in the authors' code for β-VAE.
    """

    targeted: ClassVar = False

    def parts(self, walker: Walker, x: Tensor, target: Tensor) -> Parts:
        """The negated product, one part."""
        del target
        pairs = torch.arange(len(x), device=x.device)
        known = None
        if walker.repeatable:
            with torch.no_grad():
                known = _observed(walker, x, walker.noise(pairs))

        def parts(inputs: Tensor, pairs: Tensor) -> Tensor:
            noise = walker.noise(pairs)
            if known is None:
                with torch.no_grad():
                    clean = _observed(walker, x[pairs], noise)
            else:
                clean = [
                    ({k: _of_rows(h, pairs) for k, h in seen.items()}, r[pairs])
                    for seen, r in known
                ]
            products = [
                _changes(seen, before) * _difference(r, r_before)
                for (seen, r), (before, r_before) in zip(
                    _observed(walker, inputs, noise), clean, strict=True
                )
            ]
            return -torch.stack(products).mean(0)[:, None]

        return parts


def _observed(walker: Walker, x: Tensor, noise: Noise | None) -> list[tuple[Activations, Tensor]]:
    """The outputs of the layers and the reconstructions of inputs, one entry per draw."""
    model = walker.model
    draws = [None] if noise is None else list(zip(*noise, strict=True))
    entries = []
    for draw in draws:
        with _outputs(model, len(x)) as seen:
            z = model.encode(x, draw).z
            reconstruction = model.decode(z).mean
        layers = seen or {(i, 0): values for i, values in enumerate((*z, reconstruction))}
        entries.append((layers, reconstruction))
    return entries


@contextmanager
def _outputs(model: object, rows: int) -> Iterator[Activations]:
    """Collect the outputs of the model's innermost modules that have one entry per row."""
    seen: Activations = {}
    calls: Counter[int] = Counter()

    def keep(number: int, module: nn.Module, given: Any, output: Any) -> None:
        del module, given
        calls[number] += 1
        batched = isinstance(output, Tensor) and output.is_floating_point() and output.ndim > 1
        if batched and len(output) == rows:
            seen[number, calls[number]] = output

    every = (module for top in modules_of(model) for module in top.modules())
    layers = dict.fromkeys(module for module in every if not [*module.children()])
    with ExitStack() as hooks:
        for number, layer in enumerate(layers):
            hooks.callback(layer.register_forward_hook(partial(keep, number)).remove)
        yield seen


def _changes(attacked: Activations, clean: Activations) -> Tensor:
    known = (key for key in attacked if key in clean)
    return torch.stack([_difference(attacked[key], clean[key]) for key in known]).sum(0)


def _difference(a: Tensor, b: Tensor) -> Tensor:
    # keeps no difference of the two for the backward pass
    return mse_loss(a, b, reduction="none").flatten(1).mean(1)


def _of_rows(values: Tensor, pairs: Tensor) -> Tensor:
    """The values of each row's pair. A single row is a view: layers of large images are big."""
    return values[int(pairs[0]), None] if len(pairs) == 1 else values[pairs]


def loss(config: AttackConfig, layers: tuple[int, ...]) -> Loss:
    """The loss of an attack's settings; it has no layers to choose."""
    del layers
    return LayerProduct(path=config.path_used, draws=config.draws)
