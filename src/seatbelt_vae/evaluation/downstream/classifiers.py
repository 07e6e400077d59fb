"""Small classifiers of reconstructions and latents, for the effect of an attack downstream."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.optimize
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import convert_conv2d_weight_memory_format

from seatbelt_vae.optim import Adam
from seatbelt_vae.randomness import Stream, generator_for, seeded_for

__all__ = ["Classifier", "convolutional", "fit_linear", "mlp", "train_classifier"]

Shape = tuple[int, ...]
FloatArray = NDArray[np.float64]

_HIDDEN = 256
_FILTERS = (16, 32)
_EPOCHS = 10
_BATCH = 128
_LEARNING_RATE = 1e-3
_AT_ONCE = 1024
_DECAY = 1e-4
_PRECISION = {"maxiter": 500, "ftol": 1e-12, "gtol": 1e-8}


def mlp(shape: Shape, classes: int) -> nn.Sequential:
    """A multilayer perceptron with one hidden layer of 256 ReLUs."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(shape), _HIDDEN),
        nn.ReLU(),
        nn.Linear(_HIDDEN, classes),
    )


def convolutional(shape: Shape, classes: int) -> nn.Sequential:
    """Two 3×3 convolutions of stride 2, and a third that covers the remaining positions."""
    channels, height, width = shape
    first, second = _FILTERS
    return nn.Sequential(
        nn.Conv2d(channels, first, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(first, second, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(second, classes, (-(-height // 4), -(-width // 4))),
        nn.Flatten(),
    )


@dataclass(frozen=True)
class Classifier:
    """A network that classifies centred and scaled inputs.

    Args:
        network: inputs to logits :math:`(B, K)`.
        centre: subtracted from an input, of the same shape.
        scale: divisor of a centred input.
    """

    network: nn.Module
    centre: Tensor
    scale: Tensor

    def logits(self, inputs: Tensor) -> Tensor:
        """Unnormalised log-probabilities of the classes, :math:`(B, K)`."""
        logits: Tensor = self.network((inputs - self.centre) / self.scale)
        return logits

    @torch.no_grad()
    def predict(self, inputs: Tensor) -> Tensor:
        """The likeliest class of each input, :math:`(B)`."""
        return torch.cat([self.logits(part).argmax(1) for part in inputs.split(_AT_ONCE)])


def train_classifier(
    build: Callable[[Shape, int], nn.Module],
    inputs: Tensor,
    labels: Tensor,
    classes: int,
    *,
    seed: int = 0,
) -> Classifier:
    """A classifier after ten epochs of cross-entropy by Adam.

    Inputs are centred and divided by their root mean square over all entries. A scale per unit
    would amplify the noise of inactive units.

    Args:
        build: maps the shape of an input and the number of classes to a network.
        inputs: reconstructions :math:`(N, C, H, W)` or latents :math:`(N, d)`.
        labels: classes, :math:`(N)`.
        classes: K.
        seed: seed of the weights and of the order of the inputs.

    Example:
        >>> inputs = torch.tensor([[-1.0], [1.0]]).repeat(200, 1)
        >>> classifier = train_classifier(mlp, inputs, inputs[:, 0].gt(0).long(), 2)
        >>> classifier.predict(torch.tensor([[0.9], [-0.9]])).tolist()
        [1, 0]
    """
    with seeded_for(Stream.CLASSIFIER_WEIGHTS, seed):
        network = build(tuple(inputs.shape[1:]), classes).to(inputs)
    # convolutions train twice as fast with channels last
    network = convert_conv2d_weight_memory_format(network, torch.channels_last)
    classifier = Classifier(network, *_standard(inputs))
    optimiser = Adam(network, _LEARNING_RATE)
    for epoch in range(_EPOCHS):
        shuffle = generator_for(Stream.CLASSIFIER_ORDER, seed, epoch)
        order = torch.randperm(len(inputs), generator=shuffle)
        for chosen in order.split(_BATCH):
            optimiser.zero_grad()
            loss = functional.cross_entropy(classifier.logits(inputs[chosen]), labels[chosen])
            loss.backward()
            optimiser.step()
    network.eval().requires_grad_(False)
    return classifier


def fit_linear(inputs: Tensor, labels: Tensor, classes: int) -> Classifier:
    r"""The linear classifier of least penalised cross-entropy, by L-BFGS from 0.

    .. math:: \min_{W, b} \frac1N \sum_n -\log p(y_n \mid W u_n + b) + \tfrac12 10^{-4} \|W\|_F^2

    with u the inputs, centred and scaled as in `train_classifier`. The problem is convex, so that
    the result has no seed.

    Args:
        inputs: vectors :math:`(N, d)`.
        labels: classes, :math:`(N)`.
        classes: K.

    Example:
        >>> codes = torch.tensor([[-1.0], [1.0]]).repeat(20, 1)
        >>> fit_linear(codes, codes[:, 0].gt(0).long(), 2).predict(torch.tensor([[0.9]])).tolist()
        [1]
    """
    centre, scale = _standard(inputs)
    standard = ((inputs - centre) / scale).double()
    shape = (classes, inputs.shape[1] + 1)

    def cost(parameters: FloatArray) -> tuple[float, FloatArray]:
        both = torch.from_numpy(parameters).to(inputs.device).view(shape).requires_grad_()
        weight, bias = both[:, :-1], both[:, -1]
        loss = functional.cross_entropy(functional.linear(standard, weight, bias), labels)
        loss = loss + 0.5 * _DECAY * weight.square().sum()
        (gradient,) = torch.autograd.grad(loss, both)
        return loss.item(), gradient.flatten().cpu().numpy()

    found = scipy.optimize.minimize(
        cost, np.zeros(math.prod(shape)), method="L-BFGS-B", jac=True, options=_PRECISION
    )
    both = torch.from_numpy(found.x).view(shape).to(inputs)
    network = nn.Linear(inputs.shape[1], classes, device="meta")  # draws no initial weights
    network.weight = nn.Parameter(both[:, :-1].contiguous(), requires_grad=False)
    network.bias = nn.Parameter(both[:, -1].contiguous(), requires_grad=False)
    return Classifier(network, centre, scale)


def _standard(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """The mean, and the root mean square of centred inputs over all entries; 1 if that is 0."""
    centre = inputs.mean(0)
    scale = (inputs - centre).square().mean().sqrt()
    return centre, torch.where(scale > torch.finfo(scale.dtype).tiny, scale, torch.ones_like(scale))
