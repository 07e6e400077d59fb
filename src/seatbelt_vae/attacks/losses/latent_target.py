"""``latent-target``: the distance of the codes from that of a grey input, or a given code."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses._bound import Loss, Parts, zero_floor
from seatbelt_vae.attacks.losses._paths import Walker
from seatbelt_vae.attacks.losses.latent_l2 import code_distances
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.protocol import Autoencoder, bounds_of, event_shape_of

__all__ = ["GivenCode", "loss"]

DECLARATION = {"layers": True, "targeted": False}


@dataclass(frozen=True)
class GivenCode(Loss):
    r"""Attack towards one code for every input: :math:`r = \sum_{i\in S} \|z^i(x^*) - c^i\|_2`.

    One part per layer of S, in latent units; no target is needed, and the floor is 0. The source
    squares the distance, which has the same minima for one layer.
    Source: the encoder attack of PhotoGuard, Salman et al. (2023).

    Args:
        layers: S, from 1 next to the data.
        code: c: ``zero``; ``grey``, the mean code of the input in the middle of the bounds; or one
            tensor per layer of the model, :math:`(d_i)` or, for P pairs, :math:`(P, d_i)`.

    Raises:
        ConfigError: ``grey`` for inputs without bounds.
        ShapeError: codes of other sizes than the model's.

    Example:
        >>> GivenCode((1,), (torch.ones(4),)).targeted
        False
    """

    targeted: ClassVar = False
    needs: ClassVar = ("codes",)

    layers: tuple[int, ...]
    code: Literal["zero", "grey"] | Sequence[Tensor] = "grey"

    @property
    def kinked(self) -> bool:
        """True: a norm has a kink where the codes are equal."""
        return True

    def lower_bound(self, model: Autoencoder, x: Tensor, target: Tensor) -> Tensor:
        """0 for each pair."""
        del model, target
        return zero_floor(x)

    def parts(self, walker: Walker, x: Tensor, target: Tensor) -> Parts:
        """The distances of chosen layers' codes from the given code."""
        del target
        given = zip(self._codes(walker.model, x), walker.model.latent_sizes, strict=True)
        codes = [_per_pair(code, len(x), size).to(x) for code, size in given]
        return code_distances(walker, self.layers, lambda pairs: [code[pairs] for code in codes])

    def _codes(self, model: Autoencoder, x: Tensor) -> Sequence[Tensor]:
        if self.code == "zero":
            return [torch.zeros(size) for size in model.latent_sizes]
        if self.code == "grey":
            with torch.no_grad():
                return model.encode(_grey_input(model, x)[None]).z
        if isinstance(self.code, str) or len(self.code) != len(model.latent_sizes):
            raise ShapeError(
                f"{len(self.code)} target codes, expected one tensor per layer of the model's "
                f"{len(model.latent_sizes)}, or 'zero' or 'grey'"
            )
        return self.code


def _grey_input(model: Autoencoder, like: Tensor) -> Tensor:
    bounds = bounds_of(model)
    if not bounds.finite:
        raise ConfigError("no grey input, since the inputs have no bounds: give a target code")
    low, high = (torch.as_tensor(bound).to(like) for bound in bounds)
    return ((low + high) / 2).expand(event_shape_of(model))


def _per_pair(code: Tensor, pairs: int, size: int) -> Tensor:
    """One code per pair, :math:`(P, d)`."""
    try:
        return code.expand(pairs, size)
    except RuntimeError:
        raise ShapeError(
            f"a target code of shape {tuple(code.shape)}, expected ({size},) or ({pairs}, {size})"
        ) from None


def loss(config: AttackConfig, layers: tuple[int, ...]) -> Loss:
    """The loss of an attack's settings on layers that count from 1."""
    return GivenCode(layers, path=config.path_used, draws=config.draws)
