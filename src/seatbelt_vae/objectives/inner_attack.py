"""The attack of a training step: gradient ascent on the change of the reconstruction in a ball."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from seatbelt_vae.objectives.penalty import PenaltySetup
from seatbelt_vae.objectives.warm_up import WarmUp
from seatbelt_vae.optim.norm_ball import NormBall, ascend
from seatbelt_vae.protocol import Autoencoder, bounds_of, modules_of
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["InnerAttack", "evaluated", "median_distance", "reconstruction"]

_ORDERS = {"l2": 2.0, "linf": float("inf")}
_RATE, _START = 2.5, 0.5


class InnerAttack:
    r"""Inputs :math:`x + \delta` that change the reconstruction, with :math:`\|\delta\| \le r`.

    .. math:: \max_\delta \|R(x + \delta) - R(x)\|^2, \qquad r \sim U(0, r_{max})

    by gradient steps of length :math:`2.5\,r/\text{steps}` from a random start, R the
    reconstruction on the mean path. The radius :math:`r_{max}` is a share of the median distance of
    two training images and rises from 0 in a warm-up. The weights get no gradient.

    Args:
        setup: the facts of the run, with example images.
        stream: the random stream of the starts, with the index "step".
    """

    def __init__(self, setup: PenaltySetup, stream: Stream) -> None:
        config = setup.config
        self._norm, self._steps = config.defence_norm, config.defence_steps
        distance = median_distance(setup.examples(), self._norm)
        self._most = config.radius_share * distance
        self._warm_up = WarmUp(config.defence_warm_up)
        self._setup, self._stream = setup, stream

    def __call__(
        self, model: Autoencoder, x: Tensor, step: int | None, whole: int, rows: slice
    ) -> Tensor:
        """The attacked inputs, without gradient.

        Args:
            model: any autoencoder.
            x: inputs of this worker, :math:`(B, \\text{event})`.
            step: training step, from 1; None for the final radius.
            whole: number of attacked rows of all workers.
            rows: those of them that ``x`` holds.
        """
        draws = generator_for(self._stream, self._setup.seed, step or 0)
        # draws of the whole batch, so that they do not depend on the number of workers
        share = torch.rand(whole, generator=draws)[rows]
        directions = torch.empty(whole, *x.shape[1:])
        if self._norm == "l2":
            directions.normal_(generator=draws)
        else:
            directions.uniform_(-1, 1, generator=draws)
        ball = NormBall.of(self._norm, self._radius(step) * share, like=x)
        return self._ascend(model, x, ball, directions[rows].to(x))

    def with_noise(
        self, model: Autoencoder, x: Tensor, step: int | None, whole: int, rows: slice
    ) -> Tensor:
        """Inputs with Gaussian noise whose norm is about :math:`r_{max}`, clipped to the bounds."""
        draws = generator_for(self._stream, self._setup.seed, step or 0)
        noise = torch.randn(whole, *x.shape[1:], generator=draws)[rows].to(x)
        units = x[0].numel() ** 0.5 if self._norm == "l2" else 1.0
        return bounds_of(model).clamp(x + noise * (self._radius(step) / units))

    def _radius(self, step: int | None) -> float:
        return self._most * (1.0 if step is None else self._warm_up(step))

    def _ascend(self, model: Autoencoder, x: Tensor, ball: NormBall, directions: Tensor) -> Tensor:
        bounds = bounds_of(model)
        x = x.detach()
        # half of the radius in a direction, or a uniform point of the box
        box = ball.norm == "linf"
        start = directions * ball.radius if box else _START * ball.steepest(directions)
        with evaluated(model, weights=False):
            with torch.no_grad():
                clean = reconstruction(model, x)

            def change(moved: Tensor) -> Tensor:
                return (reconstruction(model, moved) - clean).square().flatten(1).sum(1)

            rate = _RATE / max(1, self._steps)
            start = bounds.clamp(x + start)
            return ascend(change, x, start, ball, bounds, steps=self._steps, length=rate)


def reconstruction(model: Autoencoder, x: Tensor) -> Tensor:
    """R(x): the mean of the likelihood at the mean codes, in the shape of ``x``."""
    decoded: Tensor = model.decode(model.encode(x).z).mean
    return decoded


def median_distance(images: Tensor, norm: str) -> float:
    """The median distance of two of the images :math:`(N, \\text{event})` in a norm.

    Example:
        >>> median_distance(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), "l2")
        5.0
    """
    return float(torch.pdist(images.flatten(1), _ORDERS[norm]).median())


@contextmanager
def evaluated(model: Autoencoder, *, weights: bool) -> Iterator[None]:
    """Put a model into evaluation mode inside the block; ``weights``: with their gradients."""
    parts = modules_of(model)
    modes = [(module, module.training) for part in parts for module in part.modules()]
    trained = [] if weights else [p for part in parts for p in part.parameters() if p.requires_grad]
    try:
        for module, _ in modes:
            module.training = False
        for parameter in trained:
            parameter.requires_grad_(False)
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter in trained:
            parameter.requires_grad_(True)
