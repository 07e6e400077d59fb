"""Goals of an attacker: reconstruct the target, encode the target, damage the reconstruction."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.evaluation.gap import SMALLEST_SEPARATION
from seatbelt_vae.protocol import Autoencoder, capabilities_of

__all__ = ["GOALS", "Goal", "ReferencePairs", "goals_of", "norm", "outputs"]

_VALUES, _MOST_IMAGES = 2**20, 64  # values and images of one call of the model


@dataclass(frozen=True)
class ReferencePairs:
    r"""P pairs with their clean reconstructions and codes on the mean path.

    Args:
        x, target: inputs :math:`(P, \text{event})`.
        reconstruction, target_reconstruction: rec(x), rec(x_t), of the same shape.
        code, target_code: the codes of all layers, :math:`(P, d)`.
    """

    x: Tensor
    target: Tensor
    reconstruction: Tensor
    target_reconstruction: Tensor
    code: Tensor
    target_code: Tensor

    @classmethod
    def of(cls, model: Autoencoder, x: Tensor, target: Tensor) -> "ReferencePairs":
        """The pairs as ``model`` encodes and reconstructs them."""
        codes, images = zip(*(outputs(model, side) for side in (x, target)), strict=True)
        return cls(x, target, *images, *codes)

    @property
    def separation(self) -> Tensor:
        r""":math:`\|\mathrm{rec}(x) - \mathrm{rec}(x_t)\|`, :math:`(P)`, float64."""
        return norm(self.reconstruction - self.target_reconstruction)

    @property
    def distance(self) -> Tensor:
        r""":math:`\|x_t - x\|`, :math:`(P)`, float64."""
        return norm(self.target - self.x)

    @property
    def told_apart(self) -> Tensor:
        """Whether the reconstructions differ enough for a gap to be defined, :math:`(P)`."""
        return self.separation >= SMALLEST_SEPARATION * self.distance


@dataclass(frozen=True)
class Goal:
    r"""A number that an attacker lowers or raises: a distance over a unit.

    Args:
        name: the name of the metric without its budget.
        lowers: whether the attacker lowers it; a model is robust where it is high.
        loss: the loss that states the goal directly.
        random: random starts of each kind per pair and budget, at effort 1.
        explored: the best candidates from which short descents start, at effort 1.
        finals: the best candidates from which long descents start, at effort 1.
        annealed, evaluations: gradient evaluations of a long descent at effort 1, by annealed steps
            and then by the quasi-Newton method.
        distance: maps pairs, the pair of each row :math:`(R)`, codes and reconstructions to a
            distance, :math:`(R)`, float64.
        unit: maps pairs and the largest :math:`\|d\|_2` under each level, :math:`(P, W)`, to the
            unit of the distance, which broadcasts to it.
    """

    name: str
    lowers: bool
    loss: str
    random: int
    explored: int
    finals: int
    annealed: int
    evaluations: int
    distance: Callable[[ReferencePairs, Tensor, Tensor, Tensor], Tensor]
    unit: Callable[[ReferencePairs, Tensor], Tensor]


GOALS = (
    Goal(
        "gap",
        True,
        "output-reconstruction",
        random=0,
        explored=4,
        finals=2,
        annealed=100,
        evaluations=20,
        distance=lambda pairs, of, _, images: norm(images - pairs.target_reconstruction[of]),
        unit=lambda pairs, _: pairs.separation[:, None],
    ),
    Goal(
        "code_gap",
        True,
        "latent-code",
        random=0,
        explored=3,
        finals=2,
        annealed=60,
        evaluations=30,
        distance=lambda pairs, of, codes, _: norm(codes - pairs.target_code[of]),
        unit=lambda pairs, _: norm(pairs.code - pairs.target_code)[:, None],
    ),
    Goal(
        "damage",
        False,
        "damage-reconstruction",
        random=2,  # its maxima are many, and of different height
        explored=4,
        finals=2,
        annealed=80,
        evaluations=10,
        distance=lambda pairs, of, _, images: norm(images - pairs.reconstruction[of]),
        unit=lambda _, largest: largest,
    ),
)
"""In the order of reports; the first is the headline. `metrics.METRICS` defines them."""


def goals_of(model: Autoencoder) -> tuple[Goal, ...]:
    """The goals that a model allows: the code gap needs codes."""
    return tuple(g for g in GOALS if g.name != "code_gap" or capabilities_of(model).codes)


@torch.no_grad()
def outputs(model: Autoencoder, x: Tensor) -> tuple[Tensor, Tensor]:
    r"""Codes :math:`(B, d)` and reconstructions :math:`(B, \text{event})` on the mean path."""
    codes, images = [], []
    for part in x.split(max(1, min(_MOST_IMAGES, _VALUES // x[:1].numel()))):
        posterior = model.encode(part)
        codes.append(torch.cat([z.flatten(1) for z in posterior.z], dim=1))
        images.append(model.decode(posterior.z).mean.reshape_as(part))
    return torch.cat(codes), torch.cat(images)


def norm(values: Tensor) -> Tensor:
    r""":math:`\|\cdot\|_2` of every row of values :math:`(R, *)`, float64, :math:`(R)`."""
    found: Tensor = values.flatten(1).double().norm(dim=1)
    return found
