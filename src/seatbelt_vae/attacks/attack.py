"""The attack on pairs of images: one call, every level, any model behind the protocol."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from seatbelt_vae.attacks.levels import levels_of
from seatbelt_vae.attacks.losses import Loss, loss_of
from seatbelt_vae.attacks.methods import paper_attack, single_attack, strong_attack
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.attacks.threats import threat_of
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ConfigError, DataError, ShapeError
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["attack", "check_range"]

_METHODS: dict[str, Callable[..., AttackResult]] = {
    "strong": strong_attack,
    "single": single_attack,
    "paper": paper_attack,
}


def attack(
    model: Autoencoder,
    x: Tensor,
    target: Tensor | None = None,
    config: AttackConfig | None = None,
    *,
    loss: Loss | None = None,
    levels: Tensor | None = None,
    pair_numbers: Sequence[int] | None = None,
) -> AttackResult:
    r"""Find images near each :math:`x` that the model takes for its target, under many levels.

    .. math:: \min_{x^* \in [lo, hi]^n} r(x^*) + \lambda\|x^* - x\|_2
              \quad\text{or}\quad \min_{\|x^* - x\| \leq \varepsilon} r(x^*)

    Args:
        model: any autoencoder, in evaluation mode.
        x: inputs, :math:`(P, C, H, W)`, inside the model's bounds.
        target: targets, same shape; untargeted losses need none.
        config: loss, threat, levels, strength, effort (default: latent KL, penalty, strong).
        loss: a loss of your own instead of the config's, such as a `FunctionLoss`.
        levels: λ or ε in absolute units, ascending, :math:`(W)` or :math:`(P, W)`, instead of
            the config's.
        pair_numbers: what seeds each pair's randomness (default: 0, 1, …).

    Raises:
        ShapeError: images of another shape than the model's, levels of another, or pair numbers
            of another count.
        DataError: pixels that are not finite or outside the bounds, x equal to its target, or a
            loss that is not finite at x.
        ConfigError: no target for a targeted loss, levels that are not positive and ascending, or
            a loss on the sampled path under ``strong``.

    Source: Gondim-Ribeiro et al. (2018); Willetts et al. (2021), section 5.

    Example:
        >>> from seatbelt_vae.config import ModelConfig, resolve
        >>> from seatbelt_vae.models import HierarchicalVAE
        >>> shape = resolve(ModelConfig("vae", latent_sizes=(2,)), "toy", (1, 16, 16), (-1.0, 1.0))
        >>> x, target = torch.rand(2, 3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
        >>> config = AttackConfig(weight_count=4, restarts=0, max_evaluations=5)
        >>> result = attack(HierarchicalVAE(shape).eval(), x, target, config)
        >>> tuple(result.delta.shape), bool((result.delta <= result.bound + 1e-6).all())
        ((3, 4), True)
    """
    config = config or AttackConfig()
    loss = loss or loss_of(config, len(model.latent_sizes))
    _check(model, x, target, loss)
    numbers = range(len(x)) if pair_numbers is None else pair_numbers
    _check_settings(config, loss, len(x), len(numbers))
    keys = [(config.seed, number) for number in numbers]
    problem = Problem.of(
        model,
        loss,
        x,
        x if target is None else target,
        [generator_for(Stream.LOSS_NOISE, *key) for key in keys],
        threat=threat_of(config),
        micro_batch=config.micro_batch,
    )
    chosen = levels_of(config, problem) if levels is None else _given(levels, problem)
    return _METHODS[config.strength](problem, chosen, config, keys)


def _check_settings(config: AttackConfig, loss: Loss, pairs: int, numbers: int) -> None:
    if numbers != pairs:
        raise ShapeError(f"{numbers} pair numbers for {pairs} pairs: give one a pair")
    if config.strength == "strong" and getattr(loss, "path", None) == "sampled":
        raise ConfigError(
            "a loss on the sampled path with strength 'strong', whose line searches need a "
            "repeatable loss: use the common path, or strength 'single'"
        )


def _check(model: Autoencoder, x: Tensor, target: Tensor | None, loss: Loss) -> None:
    shapes = [x.shape] if target is None else [x.shape, target.shape]
    if len(set(shapes)) > 1 or x.ndim != 4 or x.shape[1:] != model.image_shape:
        raise ShapeError(
            f"images of shape {' and '.join(str(tuple(shape)) for shape in shapes)}, expected "
            f"inputs and targets to be (pairs, {', '.join(map(str, model.image_shape))})"
        )
    if target is None and loss.targeted:
        raise ConfigError("no targets for a targeted loss: give targets, or use a damage loss")
    for name, images in (("input", x), ("target", x if target is None else target)):
        check_range(name, images, model.bounds)
    if target is not None:
        same = (x == target).flatten(1).all(1).nonzero()[:, 0].tolist()
        if same:
            raise DataError(
                f"input and target of pair {same[0]} are the same image: choose another pair"
            )


def check_range(name: str, images: Tensor, bounds: tuple[float, float]) -> None:
    """Raise DataError unless all pixels are inside the bounds."""
    low, high = bounds
    if not bool(((images >= low) & (images <= high)).all()):
        raise DataError(
            f"{name} image has values from {images.min():g} to {images.max():g}, expected "
            f"finite values inside the model's bounds [{low:g}, {high:g}]: rescale it"
        )


def _given(levels: Tensor, problem: Problem) -> Tensor:
    """Levels of the caller's, for every pair."""
    wide = torch.as_tensor(levels, dtype=torch.float64, device=problem.x.device)
    if wide.ndim not in (1, 2) or (wide.ndim == 2 and len(wide) != len(problem.x)):
        raise ShapeError(
            f"levels of shape {tuple(wide.shape)}, expected (levels,) or ({len(problem.x)}, levels)"
        )
    wide = wide.expand(len(problem.x), -1)
    if not bool((wide > 0).all()) or not bool((wide.diff(dim=1) > 0).all()):
        raise ConfigError("levels are not positive and ascending: sort them, and leave out 0")
    return wide
