"""The base of defences at inference: an autoencoder around another."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from seatbelt_vae.distributions import ImageDistribution, Normal
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import (
    Autoencoder,
    Capabilities,
    Noise,
    Posterior,
    capabilities_of,
    event_shape_of,
    units_of,
)
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["Wrapper"]


@dataclass(frozen=True, eq=False)
class Wrapper:
    """An `Autoencoder` around another; a subclass changes ``encode`` or ``decode``.

    A defence with noise of its own draws it once, the same for all inputs, so that an attack knows
    it and its gradients are exact. With ``fresh`` it draws at every call.

    Args:
        inner: the model without the defence.
        seed: seed of the noise.
        fresh: whether noise is drawn anew at every call.
    """

    inner: Autoencoder
    seed: int = field(default=0, kw_only=True)
    fresh: bool = field(default=False, kw_only=True)

    needs: ClassVar[tuple[str, ...]] = ()
    """Names of the `Capabilities` that the defence requires of the inner model."""
    random: ClassVar[bool] = False
    """Whether the defence draws noise of its own."""

    def __post_init__(self) -> None:
        has = capabilities_of(self.inner)
        if lacking := [need for need in self.needs if not getattr(has, need)]:
            raise ConfigError(
                f"{type(self).__name__} needs the model's {', '.join(lacking)}, which it lacks: "
                f"use another defence"
            )

    @property
    def undefended(self) -> Autoencoder:
        """The model without the defence, which attacks through the defence know."""
        return self.inner

    @property
    def bounds(self) -> Any:
        """The bounds of the inner model."""
        return self.inner.bounds

    @property
    def scale(self) -> Tensor | None:
        """The units of L∞ budgets of the inner model."""
        return units_of(self.inner)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return event_shape_of(self.inner)

    @property
    def latent_sizes(self) -> tuple[int, ...]:
        """The units of each layer."""
        return tuple(self.inner.latent_sizes)

    @property
    def capabilities(self) -> Capabilities:
        """Those of the inner model; not repeatable with fresh noise."""
        return self._capabilities()

    def _capabilities(self, **changes: bool) -> Capabilities:
        repeatable = capabilities_of(self.inner).repeatable and not (self.random and self.fresh)
        return replace(capabilities_of(self.inner), repeatable=repeatable, **changes)

    def generator(self) -> torch.Generator:
        """The generator of one call: the same at every call, or another one if ``fresh``."""
        seed = int.from_bytes(os.urandom(8)) if self.fresh else self.seed
        return generator_for(Stream.DEFENCE_NOISE, seed)

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        """The posterior of the inner model."""
        return self.inner.encode(x, noise)

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        """The prior of the inner model."""
        return self.inner.prior(z)

    def decode(self, z: Sequence[Tensor]) -> ImageDistribution:
        """The likelihood of the inner model."""
        return self.inner.decode(z)

    def tokens(self, x: Tensor) -> Tensor:
        """The tokens of the inner model."""
        found: Tensor = self.inner.tokens(x)  # type: ignore[attr-defined]
        return found
