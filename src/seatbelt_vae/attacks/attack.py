"""The attack on pairs of images: one call, every λ, any model behind the protocol."""

from collections.abc import Callable

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses import LatentKL, Loss, OutputLoss, Path
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.result import PairResult
from seatbelt_vae.attacks.single import paper_attack, single_attack
from seatbelt_vae.attacks.strong import strong_attack
from seatbelt_vae.attacks.weights import weight_grid
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.config.attack import parse_layers
from seatbelt_vae.errors import DataError, ShapeError
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.randomness import generator_for

__all__ = ["attack", "attack_pair", "loss_of"]

_PROTOCOLS: dict[str, Callable[..., PairResult]] = {
    "strong": strong_attack,
    "single": single_attack,
    "paper": paper_attack,
}


def attack(
    model: Autoencoder, x: Tensor, target: Tensor, config: AttackConfig | None = None
) -> list[PairResult]:
    r"""Find images near each :math:`x` that the model takes for its target, for every λ of a grid.

    .. math:: \min_{x^* \in [lo, hi]^n}\; r(x^*, x_t) + \lambda\|x^* - x\|_2

    Args:
        model: any autoencoder, in evaluation mode.
        x: inputs, :math:`(P, C, H, W)`, inside the model's bounds.
        target: targets, same shape.
        config: loss, layers, λ grid, protocol, effort (default: latent KL, strong).

    Raises:
        ShapeError: images of another shape than the model's.
        DataError: pixels that are not finite or outside the bounds, or x equal to its target.

    Source: Gondim-Ribeiro et al. (2018); Willetts et al. (2021), section 5.

    Example:
        >>> from seatbelt_vae.config import ModelConfig, resolve
        >>> from seatbelt_vae.models import HierarchicalVAE
        >>> shape = resolve(ModelConfig("vae", latent_sizes=(2,)), "toy", (1, 16, 16), (-1.0, 1.0))
        >>> x, target = torch.rand(2, 1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
        >>> config = AttackConfig(weight_count=3, restarts=0, max_evaluations=5)
        >>> (result,) = attack(HierarchicalVAE(shape).eval(), x, target, config)
        >>> bool((result.delta <= result.bound + 1e-6).all())
        True
    """
    config = config or AttackConfig()
    if x.shape != target.shape or x.shape[1:] != model.image_shape:
        raise ShapeError(
            f"inputs of shape {tuple(x.shape)} and targets of shape {tuple(target.shape)}, "
            f"expected both to be (pairs, {', '.join(map(str, model.image_shape))})"
        )
    return [
        attack_pair(model, xi, ti, config, pair)
        for pair, (xi, ti) in enumerate(zip(x, target, strict=True))
    ]


def attack_pair(
    model: Autoencoder, x: Tensor, target: Tensor, config: AttackConfig, pair: int
) -> PairResult:
    """The attack on one pair, images :math:`(C, H, W)`; its number seeds whatever is random."""
    _check(x, model.bounds, "input")
    _check(target, model.bounds, "target")
    if torch.equal(x, target):
        raise DataError(f"input and target of pair {pair} are the same image: choose another pair")
    key = (config.seed, pair)
    problem = Problem.of(
        model,
        loss_of(config, len(model.latent_sizes)),
        x,
        target,
        generator_for(*key, 0),
        micro_batch=config.micro_batch,
    )
    return _PROTOCOLS[config.protocol](problem, weight_grid(config, problem), config, key)


def loss_of(config: AttackConfig, depth: int) -> Loss:
    """The loss that settings mean for a model of ``depth`` layers.

    Raises:
        ConfigError: layers the model has not.
    """
    path: Path | None = config.path
    if config.loss == "output":
        return OutputLoss(path or "common", config.draws)
    return LatentKL(parse_layers(config.layers, depth), path or "mean", config.draws)


def _check(image: Tensor, bounds: tuple[float, float], name: str) -> None:
    low, high = bounds
    if not bool(((image >= low) & (image <= high)).all()):
        raise DataError(
            f"{name} image has values from {image.min():g} to {image.max():g}, expected finite "
            f"values inside the model's bounds [{low:g}, {high:g}]: rescale it"
        )
