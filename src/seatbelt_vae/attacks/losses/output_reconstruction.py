"""``output-reconstruction``: the distance of the reconstruction from that of the target."""

from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses._bound import Loss, Parts
from seatbelt_vae.attacks.losses._paths import Walker
from seatbelt_vae.attacks.losses.output_l2 import distance_parts
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.protocol import Autoencoder

__all__ = ["ReconstructionDistance", "loss"]


@dataclass(frozen=True)
class ReconstructionDistance(Loss):
    r"""Output attack on the gap: :math:`r = \|\mathrm{rec}(x^*) - \mathrm{rec}(x_t)\|_2`.

    In pixel units, with rec(x_t) on the mean path: the numerator of the reconstruction gap. The
    path ``mean`` decodes the mean path of :math:`x^*`; the others average the distance over draws.
    """

    @property
    def kinked(self) -> bool:
        """True: a norm has a kink where the reconstructions are equal."""
        return True

    def parts(self, walker: Walker, x: Tensor, target: Tensor) -> Parts:
        """The distance from the reconstructions of the targets."""
        del x
        return distance_parts(walker, _mean_reconstruction(walker.model, target))


def _mean_reconstruction(model: Autoencoder, x: Tensor) -> Tensor:
    with torch.no_grad():
        return model.decode(model.encode(x).z).mean


def loss(config: AttackConfig, layers: tuple[int, ...]) -> Loss:
    """The loss of an attack's settings; it has no layers."""
    del layers
    return ReconstructionDistance(path=config.path_used, draws=config.draws)
