"""``output-l2``: the distance of the reconstruction from the target, in pixel units."""

from dataclasses import dataclass

from torch import Tensor

from seatbelt_vae.attacks.losses._bound import Loss, Parts
from seatbelt_vae.attacks.losses._paths import Walker, mean_over_draws
from seatbelt_vae.config import AttackConfig

__all__ = ["OutputDistance", "distance_parts", "loss"]


@dataclass(frozen=True)
class OutputDistance(Loss):
    r"""Output attack on the reconstruction: :math:`r = \|\mathrm{rec}(x^*) - x_t\|_2`.

    In pixel units. The path ``mean`` decodes the mean path; the others average the distance over
    draws.
    """

    def parts(self, walker: Walker, x: Tensor, target: Tensor) -> Parts:
        """The distance of the reconstruction from the target."""
        del x
        return distance_parts(walker, target)


def distance_parts(walker: Walker, reference: Tensor) -> Parts:
    """The distance of reconstructions from reference inputs, one per pair."""
    event_dims = reference.ndim - 1

    def parts(inputs: Tensor, pairs: Tensor) -> Tensor:
        decoded = walker.model.decode(walker.encode(inputs, pairs).z).mean
        # the norm of a flat difference has gradient 0 at 0
        distance = (decoded - reference[pairs]).flatten(-event_dims).norm(dim=-1)
        return mean_over_draws(distance)[:, None]

    return parts


def loss(config: AttackConfig, layers: tuple[int, ...]) -> Loss:
    """Create the loss from the settings of an attack; ``layers`` does not apply."""
    del layers
    return OutputDistance(path=config.path_used, draws=config.draws)
