"""A picture of models under the same attack, from images in memory."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from seatbelt_vae.attacks import attack
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.evaluation.gap import Pair, reconstruct
from seatbelt_vae.protocol import Autoencoder, bounds_of
from seatbelt_vae.report.drawing.images import AttackedPair
from seatbelt_vae.report.figures import write_attack_figure

__all__ = ["QUICK_ATTACK", "attack_picture"]

QUICK_ATTACK = AttackConfig(
    loss="output-l2",
    threat="l2",
    budgets=(0.2,),
    strength="single",
    solver="pgd",
    max_evaluations=40,
)
"""One descent per pair: quick and weak, so that the gaps are too large by a few percent."""


def attack_picture(
    models: Mapping[str, Autoencoder],
    x: Tensor,
    target: Tensor,
    out: Path | str,
    config: AttackConfig = QUICK_ATTACK,
) -> dict[str, float]:
    r"""Attack models on the same pairs within one L2 budget, and draw the first pair as PNG.

    Nothing but the picture is stored. `run_suite` and `audit` store every row.

    Args:
        models: models in evaluation mode with the same bounds, one row of the picture each.
        x, target: images :math:`(B, C, H, W)` in main memory, one pair per row.
        out: path of the PNG file.
        config: an attack with ``threat="l2"`` and one budget.

    Returns:
        The mean gap over pairs, :math:`\|R(x^*) - R(x_t)\| / \|R(x) - R(x_t)\|`, by label.

    Raises:
        ConfigError: the attack has another threat, or several budgets.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from torch import rand
        >>> from seatbelt_vae import open_subject
        >>> model, (x, target) = open_subject("zoo:faces-vae").model, rand(2, 1, 1, 64, 64)
        >>> with TemporaryDirectory() as folder:
        ...     gaps = attack_picture({"plain": model}, x, target, f"{folder}/attack.png")
        >>> list(gaps)
        ['plain']
    """
    if config.threat != "l2" or len(config.epsilons) != 1:
        raise ConfigError(
            f"threat {config.threat!r} with budgets {config.epsilons}, expected threat 'l2' with "
            f"one budget, such as budgets=(0.2,)"
        )
    gaps, rows = {}, []
    for label, model in models.items():
        found = attack(model, x, target, config).adversarial[:, 0].cpu()
        clean, aim, reached = (reconstruct(model, images).cpu() for images in (x, target, found))
        pairs = zip(map(Pair, x, target, clean, aim), reached, strict=True)
        each = [float(pair.gap(attacked)) for pair, attacked in pairs]
        gaps[label] = sum(each) / len(each)
        pixel_range = _pixel_range(model, x)
        shown = AttackedPair(x[0], clean[0], found[0], reached[0], target[0], pixel_range)
        rows.append((label, f"{100 - 100 * each[0]:.0f} % of the way", shown))
    write_attack_figure(rows, config.epsilons[0], Path(out))
    return gaps


def _pixel_range(model: Autoencoder, x: Tensor) -> tuple[float, float]:
    """The bounds of a model as two numbers; those of the images without bounds."""
    bounds = bounds_of(model)
    low, high = map(torch.as_tensor, bounds if bounds.finite else (x, x))
    return float(low.min()), float(high.max())
