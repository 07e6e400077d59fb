"""A loss outside the package: the distance of the first unit of the code."""

from dataclasses import dataclass

from torch import Tensor

from seatbelt_vae.attacks import Loss


@dataclass(frozen=True)
class FirstUnit(Loss):
    r""":math:`|z_1(x^*) - z_1(x_t)|`."""

    def parts(self, walker, x, target):
        del x
        aimed = walker.model.encode(target).z[0][:, 0].detach()

        def parts(inputs: Tensor, pairs: Tensor) -> Tensor:
            return (walker.encode(inputs, pairs).z[0][..., 0] - aimed[pairs]).abs()[:, None]

        return parts


def loss(config, layers):
    """The loss for given settings."""
    del layers
    return FirstUnit(path=config.path_used, draws=config.draws)
