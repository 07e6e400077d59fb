"""How a battery attacks: the loss, the layers, the λ grid, the protocol and its effort."""

import re
from dataclasses import dataclass
from typing import Literal

from seatbelt_vae.config.checks import at_least, one_of, positive
from seatbelt_vae.errors import ConfigError

__all__ = ["AttackConfig", "parse_layers"]

LOSSES = ("latent-kl", "output")
PATHS = ("mean", "common", "sampled")
PROTOCOLS = ("strong", "single", "paper")


@dataclass(frozen=True)
class AttackConfig:
    """A battery of pairs × λ problems: minimise loss(x*, x_t) + λ‖x* − x‖₂ over x* in the bounds.

    Args:
        loss: ``latent-kl``: KL(attacked ‖ target), summed over layers; ``output``: −ELBO of the
            target under the attacked posterior.
        layers: which layers a latent loss compares: ``all``, ``bottom``, ``top``, or numbers as
            ``1,3`` (1 is next to the data).
        path: how layers above the first are reached: ``mean``, ``common`` (noise fixed for the
            whole pair) or ``sampled`` (fresh noise at every evaluation; not ``strong``).
            Default: ``mean`` for latent losses, ``common`` for the output loss.
        draws: noise draws K of the ``common`` and ``sampled`` paths.
        protocol: ``strong`` (many starts, exchange between λ), ``single`` (our optimiser, one
            start), ``paper`` (SciPy's L-BFGS-B as published; needs the extra ``paper``).
        pairs: input-target pairs, drawn at random from the test split.
        weights: λ grid: ``relative`` = (r₀/‖x_t−x‖)·2^linspace(−10, 4), or ``published`` =
            2^linspace(−20, 20).
        weight_count: number of λ (default: 29 relative, 50 published).
        restarts: random restarts of each row (strong).
        max_evaluations: gradient evaluations of one descent at most.
        memory: pairs the quasi-Newton method remembers.
        recheck: share of rows rerun with twice the effort to test convergence (strong).
        fresh_draws: noise draws for the reported −log p(x_t|z*) and gaps.
        seed: seed of the pairs, the starts and the noise.
        micro_batch: rows evaluated at once.
        threads: CPU threads (default: as the machine has).
    """

    loss: str = "latent-kl"
    layers: str = "all"
    path: Literal["mean", "common", "sampled"] | None = None
    draws: int = 8
    protocol: Literal["strong", "single", "paper"] = "strong"
    pairs: int = 10
    weights: Literal["relative", "published"] = "relative"
    weight_count: int | None = None
    restarts: int = 4
    max_evaluations: int = 500
    memory: int = 10
    recheck: float = 0.1
    fresh_draws: int = 64
    seed: int = 0
    micro_batch: int = 64
    threads: int | None = None

    def __post_init__(self) -> None:
        one_of("loss", self.loss, LOSSES)
        if self.path is not None:
            one_of("path", self.path, PATHS)
        one_of("protocol", self.protocol, PROTOCOLS)
        one_of("weights", self.weights, ("relative", "published"))
        for name in ("draws", "pairs", "max_evaluations", "memory", "fresh_draws", "micro_batch"):
            positive(name, getattr(self, name))
        for name in ("restarts", "recheck", "seed"):
            at_least(name, getattr(self, name), 0)
        if self.weight_count is not None:
            at_least("weight_count", self.weight_count, 2)
        if self.recheck > 1:
            raise ConfigError(f"recheck is {self.recheck:g}, expected a share between 0 and 1")
        if self.threads is not None:
            positive("threads", self.threads)
        if self.path == "sampled" and self.protocol == "strong":
            raise ConfigError(
                "path 'sampled' with protocol 'strong', whose line searches need a repeatable "
                "loss: use path 'common', or protocol 'single'"
            )
        if self.loss == "output" and self.layers != "all":
            raise ConfigError(
                f"layers {self.layers!r} with loss 'output', which has no layers to choose: "
                f"leave layers out, or use loss 'latent-kl'"
            )


def parse_layers(layers: str, depth: int) -> tuple[int, ...]:
    """The zero-based layers that a user's word means in a model of ``depth`` layers.

    Example:
        >>> parse_layers("1,3", depth=4), parse_layers("top", depth=4)
        ((0, 2), (3,))

    Raises:
        ConfigError: an unknown word, a layer the model has not, or one named twice.
    """
    named = {"all": tuple(range(depth)), "bottom": (0,), "top": (depth - 1,)}
    if layers in named:
        return named[layers]
    if not re.fullmatch(r"\d+(,\d+)*", layers):
        raise ConfigError(
            f"unknown layers {layers!r}: expected all, bottom, top, or numbers such as 1,3"
        )
    chosen = tuple(int(number) - 1 for number in layers.split(","))
    if min(chosen) < 0 or max(chosen) >= depth or len(set(chosen)) != len(chosen):
        raise ConfigError(
            f"layers {layers!r} of a model with {depth}: expected distinct numbers 1…{depth}"
        )
    return chosen
