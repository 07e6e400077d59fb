"""A nonlinear autoencoder of any depth, and the same written once more for one image at a time."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seatbelt_vae.distributions import ImageDistribution, Normal, NormalImage
from seatbelt_vae.protocol import Noise, Posterior

SHAPE = (1, 2, 3)
PIXELS = 6
VARIANCE = 0.1


class Chain:
    """Every mean and every variance depends on the image and on the layer below (or above)."""

    bounds = (-2.0, 2.0)
    event_shape = SHAPE

    def __init__(self, *sizes: int, seed: int = 0) -> None:
        self.latent_sizes = sizes
        random = np.random.default_rng(seed)
        inputs = [PIXELS + below for below in (0, *sizes[:-1])]
        above = list(pairwise(sizes))
        self.up = [0.5 * random.normal(size=shape) for shape in zip(sizes, inputs, strict=True)]
        self.spread = [random.normal(size=matrix.shape) for matrix in self.up]
        self.down = [random.normal(size=shape) for shape in above]
        self.narrow = [random.normal(size=shape) for shape in above]
        self.out = random.normal(size=(PIXELS, sum(sizes)))

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        flat = inputs = x.flatten(1)
        layers, path = [], []
        for i, (up, spread) in enumerate(zip(self.up, self.spread, strict=True)):
            q = Normal(inputs @ matrix(up, x), (inputs @ matrix(spread, x)).sin())
            z = q.mean if noise is None else q.sample(noise[i])
            layers.append(q)
            path.append(z)
            inputs = torch.cat([flat.expand(*z.shape[:-1], PIXELS), z], dim=-1)
        return Posterior(tuple(layers), tuple(path))

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        below = [
            Normal(above @ matrix(down, above), (above @ matrix(narrow, above)).sin())
            for above, down, narrow in zip(z[1:], self.down, self.narrow, strict=True)
        ]
        return (*below, Normal(z[-1], z[-1]).standard_normal())

    def decode(self, z: Sequence[Tensor]) -> ImageDistribution:
        image = 2 * (torch.cat(list(z), dim=-1) @ matrix(self.out, z[0])).tanh()
        return NormalImage(image.unflatten(-1, SHAPE), VARIANCE)


def matrix(values: np.ndarray, like: Tensor) -> Tensor:
    """What multiplies rows from the right."""
    return torch.as_tensor(values.T).to(like)


class Layer(NamedTuple):
    """One layer's Gaussian and, of a posterior, the point walked to."""

    mean: np.ndarray
    std: np.ndarray
    z: np.ndarray


Draw = Sequence[np.ndarray] | None


def walked(model: Chain, image: np.ndarray, noise: Draw = None) -> list[Layer]:
    """The posteriors of one image under one draw of noise, or along the means."""
    flat = inputs = image.ravel()
    layers = []
    for i, (up, spread) in enumerate(zip(model.up, model.spread, strict=True)):
        mean, std = up @ inputs, np.exp(np.sin(spread @ inputs) / 2)
        z = mean if noise is None else mean + std * noise[i]
        layers.append(Layer(mean, std, z))
        inputs = np.concatenate([flat, z])
    return layers


def reconstructed(model: Chain, layers: Sequence[Layer]) -> np.ndarray:
    """The mean image of one walked path."""
    return (2 * np.tanh(model.out @ np.concatenate([layer.z for layer in layers]))).reshape(SHAPE)


def drawn(model: Chain, count: int, generator: torch.Generator) -> list[Draw]:
    """Noise for one image: a list of draws, each with an array a layer."""
    layers = [
        torch.randn(count, 1, size, generator=generator, dtype=torch.float64)[:, 0].numpy()
        for size in model.latent_sizes
    ]
    return [[layer[k] for layer in layers] for k in range(count)]


def noise_of(model: Chain, path: str, count: int, seed: int) -> tuple[list[Draw], list[Draw]]:
    """The draws that one attacked image and then its target are walked with."""
    if path == "mean":
        return [None], [None]
    generator = torch.Generator().manual_seed(seed)
    first = drawn(model, count, generator)
    return first, first if path == "common" else drawn(model, count, generator)


def pictures(count: int, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    """Images well inside the bounds, (count, C, H, W)."""
    values = np.random.default_rng(seed).uniform(-1, 1, (count, *SHAPE))
    return torch.as_tensor(values).to(dtype)


def generators(count: int) -> list[torch.Generator]:
    """A source of noise for each pair, seeded with the pair's number."""
    return [torch.Generator().manual_seed(pair) for pair in range(count)]


def slopes(function: Callable[[np.ndarray], float], image: np.ndarray) -> np.ndarray:
    """The gradient by central differences."""
    result = np.zeros_like(image)
    for index in np.ndindex(image.shape):
        step = np.zeros_like(image)
        step[index] = 1e-5
        result[index] = (function(image + step) - function(image - step)) / 2e-5
    return result
