"""The settings of an attack that a user of the page chooses."""

from collections.abc import Sequence

from seatbelt_vae.config import AttackConfig
from seatbelt_vae.config.checks import one_of
from seatbelt_vae.config.loss_files import LOSSES, declaration_of
from seatbelt_vae.errors import ConfigError

__all__ = ["BUDGETS", "DEFAULT_LOSS", "STRENGTHS", "attack_config", "has_layers", "layer_names"]

BUDGETS = {norm: AttackConfig(threat=norm).epsilons for norm in ("l2", "linf")}
"""The budgets that are offered, by norm."""

STRENGTHS = ("strong", "single")
DEFAULT_LOSS = "output-reconstruction"


def has_layers(loss: str) -> bool:
    """Whether a loss compares chosen layers."""
    return loss in LOSSES and declaration_of(loss).layers


def layer_names(depth: int) -> list[str]:
    """The choices of layers of a model.

    Example:
        >>> layer_names(1), layer_names(3)
        (['all'], ['all', 'bottom', 'top', '1', '2', '3'])
    """
    if depth == 1:
        return ["all"]
    return ["all", "bottom", "top", *(str(layer + 1) for layer in range(depth))]


def attack_config(
    loss: str,
    layers: str,
    norm: str,
    budgets: Sequence[float],
    strength: str,
    threads: int | None = None,
) -> AttackConfig:
    """The settings of the attack on one pair.

    Custom losses are refused, since their code would be executed.

    Raises:
        ConfigError: an unknown choice, or no budget.
    """
    one_of("loss", loss, LOSSES)
    one_of("norm", norm, BUDGETS)
    one_of("strength", strength, STRENGTHS)
    if not budgets:
        raise ConfigError("no budget is chosen, expected at least one: choose how far x* may go")
    if not set(budgets) <= set(BUDGETS[norm]):
        raise ConfigError(f"budgets {sorted(budgets)}, expected some of {BUDGETS[norm]}")
    return AttackConfig(
        loss=loss,
        layers=layers if has_layers(loss) else "all",
        threat="l2" if norm == "l2" else "linf",
        budgets=tuple(sorted(set(budgets))),
        strength="strong" if strength == "strong" else "single",
        pairs=1,
        threads=threads,
    )
