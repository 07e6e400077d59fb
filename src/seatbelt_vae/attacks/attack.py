"""`attack`: all levels of a batch of image pairs, for any model behind the protocol.

The attack runs in the model's dtype; for a float16 or bfloat16 model, in float32 with only the
model in its own dtype. It computes gradients also when called under ``torch.no_grad()`` or
``torch.inference_mode()``. Inputs are tensors or NumPy arrays; they are detached, cast to the
attack's dtype, and clipped by at most 10⁻⁶ of the range. With λ = 0 the bounds alone limit x*, and
Δ = r.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from seatbelt_vae.attacks.levels import levels_of
from seatbelt_vae.attacks.losses import Loss, loss_of
from seatbelt_vae.attacks.methods import paper_attack, refine, single_attack, strong_attack
from seatbelt_vae.attacks.prepare import prepare
from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.attacks.threats import Penalty, threat_of
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["attack", "problem_of"]

_METHODS: dict[str, Callable[..., AttackResult]] = {
    "strong": strong_attack,
    "single": single_attack,
    "paper": paper_attack,
}


@torch.inference_mode(False)
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
    r"""Find images near each :math:`x` that the model encodes or decodes like its target.

    .. math:: \min_{x^* \in [lo, hi]^n} r(x^*) + \lambda\|x^* - x\|_2
              \quad\text{or}\quad \min_{\|x^* - x\| \leq \varepsilon} r(x^*)

    Args:
        model: any autoencoder, in evaluation mode.
        x, target: inputs in bounds, :math:`(P, *\text{event})`; untargeted losses need no target.
        config: settings (default: loss ``latent-kl``, a penalty, strength ``strong``).
        loss: a loss that replaces the config's, such as a `FunctionLoss`.
        levels: λ or ε that replace the config's, ascending, :math:`(W)` or :math:`(P, W)`.
        pair_numbers: seeds of the pairs' random numbers (default: 0, 1, …).

    Raises:
        ModelError: the model is in training mode, or was made under ``torch.inference_mode()``.
        ShapeError: inputs, levels or pair numbers of a wrong shape.
        DataError: inputs not real, not finite or out of bounds, x = target, or r(x) not finite.
        ConfigError: no target, levels not ascending or below 0, or ``strong`` with sampled codes.

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
    loss = _checked_loss(config, loss or loss_of(config, len(model.latent_sizes)), target)
    model, x, target = prepare(model, x, target, targeted=loss.targeted)
    keys = _random_keys(config, loss, len(x), pair_numbers)
    problem = problem_of(model, loss, x, target, config, keys)
    chosen = levels_of(config, problem) if levels is None else _checked_levels(levels, problem)
    found = _METHODS[config.strength](problem, chosen, config, keys)
    precise = _precise_problem(problem, model, loss, (x, target), config, keys)
    return refine(found, precise, config) if precise else found


def problem_of(
    model: Autoencoder,
    loss: Loss,
    x: Tensor,
    target: Tensor,
    config: AttackConfig,
    keys: Sequence[tuple[int, int]],
) -> Problem:
    """The problem of each pair, with the noise of the common path drawn by the pair's key."""
    noise = [generator_for(Stream.LOSS_NOISE, *key) for key in keys]
    return Problem.of(model, loss, x, target, noise, threat_of(config, model), config.micro_batch)


def _precise_problem(
    problem: Problem,
    model: Autoencoder,
    loss: Loss,
    sides: tuple[Tensor, Tensor],
    config: AttackConfig,
    keys: Sequence[tuple[int, int]],
) -> Problem | None:
    """The problem in float64 where minima lie in valleys too narrow for float32, else None."""
    strong = config.strength == "strong"
    wide = _in_float64(model) if strong and problem.loss.kinked else None
    if wide is None:
        return None
    return problem_of(wide, loss, sides[0].double(), sides[1].double(), config, keys)


def _in_float64(model: Autoencoder) -> Autoencoder | None:
    """A copy of a float32 model in float64; None if it has no such copy."""
    if not isinstance(model, nn.Module):
        return None
    weight = next(model.parameters(), None)
    if weight is None or weight.dtype != torch.float32 or weight.device.type == "mps":
        return None
    wide: Autoencoder = deepcopy(model).double()
    return wide


def _checked_loss(config: AttackConfig, loss: Loss, target: Tensor | None) -> Loss:
    """The loss, which under a penalty needs a target for the scale of the weights."""
    if target is None and not loss.targeted and not config.within_budget:
        raise ConfigError(
            f"no targets under threat {config.threat!r}, which scales with the distance to the "
            f"target: give targets, or use threat 'l2' or 'linf'"
        )
    return loss


def _random_keys(
    config: AttackConfig, loss: Loss, pairs: int, numbers: Sequence[int] | None
) -> list[tuple[int, int]]:
    """The key of the random numbers of each pair; checks that the strength allows noise."""
    numbers = range(pairs) if numbers is None else numbers
    if len(numbers) != pairs:
        raise ShapeError(f"{len(numbers)} pair numbers for {pairs} pairs: give one per pair")
    if config.strength == "strong" and getattr(loss, "path", None) == "sampled":
        raise ConfigError(
            "a loss on the sampled path with strength 'strong', whose line searches need a "
            "repeatable loss: use the common path, or strength 'single'"
        )
    return [(config.seed, number) for number in numbers]


def _checked_levels(levels: Tensor, problem: Problem) -> Tensor:
    """The caller's levels, :math:`(P, W)`, float64."""
    wide = torch.as_tensor(levels, dtype=torch.float64, device=problem.x.device)
    if wide.ndim not in (1, 2) or (wide.ndim == 2 and len(wide) != len(problem.x)):
        raise ShapeError(
            f"levels of shape {tuple(wide.shape)}, expected (levels,) or ({len(problem.x)}, levels)"
        )
    wide = wide.expand(len(problem.x), -1)
    penalty = isinstance(problem.threat, Penalty)
    lowest = bool((wide >= 0 if penalty else wide > 0).all())
    if not lowest or not bool((wide.diff(dim=1) > 0).all()):
        expected = "weights from 0 on" if penalty else "budgets above 0"
        raise ConfigError(f"levels {wide[0].tolist()}, expected ascending {expected}: sort them")
    return wide
