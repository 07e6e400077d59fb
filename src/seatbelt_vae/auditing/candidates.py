"""All distortions found for a batch of pairs under one threat, measured for every goal."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from seatbelt_vae.auditing.goals import Goal, ReferencePairs, outputs
from seatbelt_vae.evaluation.gap import Pair
from seatbelt_vae.protocol import Autoencoder

__all__ = ["Candidates"]

# cosine of two distortions that lead to one minimum, and the candidates that are compared
_ALIKE, _COMPARED = 0.9, 64
_AS_BAD = 1e-3


@dataclass
class Candidates:
    r"""Adversarial images of P pairs under W budgets.

    Args:
        model: the autoencoder, in evaluation mode.
        pairs: the pairs.
        goals: the goals that are measured.
        levels: the budgets in absolute units, ascending, :math:`(P, W)`.
        largest: the largest :math:`\|d\|_2` within each budget, :math:`(P, W)`, float64.
        nearest: the point nearest to the target within each budget, :math:`(P, W, \text{event})`.
    """

    model: Autoencoder
    pairs: ReferencePairs
    goals: tuple[Goal, ...]
    levels: Tensor
    largest: Tensor
    nearest: Tensor
    images: Tensor = field(init=False)
    pair: Tensor = field(init=False)
    level: Tensor = field(init=False)
    origin: list[str] = field(init=False, default_factory=list)
    distances: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        pairs = self.pairs
        self.images = pairs.x[:0]
        self.pair = self.level = torch.zeros(0, dtype=torch.long, device=pairs.x.device)
        self.distances = {goal.name: pairs.separation[:0] for goal in self.goals}

    def add(self, points: Tensor, pair: Tensor, level: Tensor, origin: str) -> None:
        r"""Measure and add points :math:`(R, n)`; those that are not finite are dropped."""
        if not len(points):
            return
        images = points.reshape(-1, *self.pairs.x.shape[1:])
        codes, reconstructions = outputs(self.model, images)
        kept = (codes.isfinite().all(1) & reconstructions.flatten(1).isfinite().all(1)).nonzero()
        kept = kept[:, 0]
        images, codes, reconstructions = images[kept], codes[kept], reconstructions[kept]
        pair, level = pair[kept], level[kept]
        self.images = torch.cat([self.images, images])
        self.pair, self.level = torch.cat([self.pair, pair]), torch.cat([self.level, level])
        self.origin += [origin] * len(kept)
        for goal in self.goals:
            distance = goal.distance(self.pairs, pair, codes, reconstructions)
            self.distances[goal.name] = torch.cat([self.distances[goal.name], distance])

    def best(self, goal: Goal, *, but: Sequence[str] = ()) -> Tensor:
        """Index of the worst case of each pair within each budget, :math:`(P, W)`.

        Candidates of a smaller budget count too. ``but`` names origins that are left out.
        """
        sign = 1 if goal.lowers else -1
        value = sign * self.distances[goal.name]
        if but:
            excluded = torch.tensor([origin in but for origin in self.origin])
            value = value.masked_fill(excluded.to(value.device), torch.inf)
        count, width = self.levels.shape
        best = torch.zeros(count, width, dtype=torch.long, device=value.device)
        for pair in range(count):
            of_pair = value.masked_fill(self.pair != pair, torch.inf)
            for level in range(width):
                best[pair, level] = of_pair.masked_fill(self.level > level, torch.inf).argmin()
        return best

    def distinct(self, goal: Goal, pair: int, level: int, count: int) -> Tensor:
        """Indices of the worst cases within a budget whose distortions differ in direction."""
        value = self.distances[goal.name] * (1 if goal.lowers else -1)
        usable = (self.pair == pair) & (self.level <= level)
        order = value.masked_fill(~usable, torch.inf).argsort()[: int(usable.sum())][:_COMPARED]
        distortions = (self.images[order] - self.pairs.x[pair]).flatten(1)
        directions = torch.nn.functional.normalize(distortions)
        alike = (directions @ directions.T > _ALIKE).tolist()
        chosen: list[int] = []
        for place in range(len(order)):
            if len(chosen) < count and not any(alike[place][other] for other in chosen):
                chosen.append(place)
        return order[chosen]

    def credited(self, goal: Goal, pair: int, index: int, level: int) -> str:
        """The origin of the first candidate that is as bad as the worst one, to 0.1 %."""
        value = self.distances[goal.name] * (1 if goal.lowers else -1)
        usable = (self.pair == pair) & (self.level <= level)
        close = usable & (value <= value[index] + _AS_BAD * value[index].abs())
        return self.origin[int(close.nonzero()[0])]

    def certified_gaps(self, model: Autoencoder, pair: int) -> Tensor | None:
        """Lower bounds of the gap of a pair within each budget, :math:`(W)`; see `Pair`."""
        p = self.pairs
        sides = (p.x, p.target, p.reconstruction, p.target_reconstruction)
        of_pair = Pair(*(side[pair] for side in sides))
        found = [of_pair.certified_gap(model, radius) for radius in self.largest[pair].tolist()]
        return None if None in found else self.largest.new_tensor(found)

    def values(self, goal: Goal, index: Tensor) -> Tensor:
        """The goal of candidates :math:`(P, W)` within the budget of their place, float64."""
        return self.distances[goal.name][index] / goal.unit(self.pairs, self.largest)
