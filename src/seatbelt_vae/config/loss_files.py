"""The losses of the package and their declarations, read from their files without importing torch.

A loss file declares the settings that apply to it as a literal, such as
``DECLARATION = {"layers": True}``; omitted entries have the defaults of `LossDeclaration`.
"""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

__all__ = ["LOSSES", "WITHOUT_FLOOR", "LossDeclaration", "declaration_of"]

_FOLDER = Path(__file__).parents[1] / "attacks" / "losses"

LOSSES = tuple(sorted(file.stem.replace("_", "-") for file in _FOLDER.glob("[!_]*.py")))
"""Names of the losses: their file names in ``attacks/losses``."""


@dataclass(frozen=True)
class LossDeclaration:
    """The settings of an attack that apply to a loss.

    Args:
        layers: the loss compares chosen layers.
        targeted: the loss leads to the target.
        bounded: the loss has a lower bound; one without needs a budget.
        path: the default path, see `AttackConfig`.
    """

    layers: bool = False
    targeted: bool = True
    bounded: bool = True
    path: Literal["mean", "common", "sampled"] = "mean"


@cache
def declaration_of(loss: str) -> LossDeclaration:
    """The declaration of a loss of the package.

    Example:
        >>> declaration_of("damage-posterior")
        LossDeclaration(layers=True, targeted=False, bounded=False, path='mean')
    """
    text = (_FOLDER / f"{loss.replace('-', '_')}.py").read_text(encoding="utf-8")
    for statement in ast.parse(text).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="DECLARATION")], value=value):
                return LossDeclaration(**ast.literal_eval(value))
    return LossDeclaration()


WITHOUT_FLOOR = tuple(name for name in LOSSES if not declaration_of(name).bounded)
"""Names of the losses without a lower bound, which only a budget bounds."""
