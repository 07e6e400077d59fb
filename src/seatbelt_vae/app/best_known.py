"""The best distortion known within each budget, while an attack evaluates its loss."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor

from seatbelt_vae.attacks.threats import Norms, Threat, threat_of
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.protocol import Autoencoder, bounds_of, event_shape_of

__all__ = ["BestKnown", "Frame"]

_TRACED = 400
"""Most points of a convergence curve; a longer one is thinned."""


@dataclass(frozen=True)
class Frame:
    """The state of an attack at one time.

    Args:
        evaluations: evaluations of the loss so far, one per input.
        start: the loss at x.
        losses: the smallest loss within each budget, :math:`(W)`.
        points, reconstructions: x* and rec(x*) within each budget, :math:`(W, *)`.
        trace: evaluations and losses, whenever a loss became smaller.
    """

    evaluations: int
    start: float
    losses: Tensor
    points: Tensor
    reconstructions: Tensor
    trace: tuple[tuple[int, tuple[float, ...]], ...]


@dataclass
class BestKnown:
    """The best points of a pair.

    Args:
        x: the input, of the event shape.
        threat: the limit on distortions.
        levels: the budgets in absolute units, :math:`(W)`.
    """

    x: Tensor
    threat: Threat
    levels: Tensor
    evaluations: int = 0
    losses: Tensor = field(init=False)
    points: Tensor = field(init=False)
    trace: list[tuple[int, tuple[float, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.losses = torch.full_like(self.levels, torch.inf)
        self.points = self.x.expand(len(self.levels), *self.x.shape).clone()

    @classmethod
    def of(cls, model: Autoencoder, x: Tensor, target: Tensor, config: AttackConfig) -> Self:
        """Nothing known of the attack on a pair within the budgets of ``config``."""
        threat = threat_of(config, model)
        apart = Norms.of((target - x).flatten()[None], threat.units)
        bounds = bounds_of(model).flat(event_shape_of(model))
        unit = threat.unit(torch.full_like(apart.l2, torch.nan), apart, bounds)
        return cls(x, threat, unit * torch.tensor(config.epsilons, dtype=torch.float64))

    def record(self, images: Tensor, values: Tensor) -> None:
        """Keep the best of evaluated inputs :math:`(R, *)` with losses :math:`(R)`."""
        images, values = images.cpu().to(self.x), values.cpu()
        norms = Norms.of((images - self.x).flatten(1), self.threat.units)
        totals = values + self.threat.cost(norms, self.levels[:, None])
        lowest, place = totals.nan_to_num(torch.inf).min(dim=1)
        better = lowest < self.losses
        if not better.any():
            return
        self.losses = torch.where(better, lowest, self.losses)
        self.points[better] = images[place[better]]
        self.trace.append((self.evaluations, tuple(self.losses.tolist())))
        if len(self.trace) > _TRACED:
            self.trace = [self.trace[0], *self.trace[2:-1:2], self.trace[-1]]

    def take(self, points: Tensor, losses: Tensor) -> None:
        """Replace the points by those of the result."""
        self.points, self.losses = points.cpu().to(self.x), losses.detach().cpu().double()
        self.trace.append((self.evaluations, tuple(self.losses.tolist())))

    def frame(self, rebuilt: Callable[[Tensor], Tensor]) -> Frame:
        """The state now; ``rebuilt`` maps inputs to their reconstructions."""
        return Frame(
            evaluations=self.evaluations,
            start=self.trace[0][1][0] if self.trace else torch.nan,
            losses=self.losses.clone(),
            points=self.points.clone(),
            reconstructions=rebuilt(self.points),
            trace=tuple(self.trace),
        )
