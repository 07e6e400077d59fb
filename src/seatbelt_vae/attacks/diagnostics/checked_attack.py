"""`checked_attack`: an attack, its recheck and controls, checks of the model, and their flags.

A model behind a defence at inference is also attacked with knowledge of the undefended model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from seatbelt_vae.attacks.attack import attack
from seatbelt_vae.attacks.diagnostics.adaptive import adaptive_points
from seatbelt_vae.attacks.diagnostics.controls import Controlled, controlled
from seatbelt_vae.attacks.diagnostics.convergence import recheck
from seatbelt_vae.attacks.diagnostics.flags import Flag, suite_flags
from seatbelt_vae.attacks.diagnostics.model_checks import ModelChecks, check_model
from seatbelt_vae.attacks.losses import Loss
from seatbelt_vae.attacks.prepare import as_images, prepare_model
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.defences import Wrapper
from seatbelt_vae.errors import ShapeError
from seatbelt_vae.protocol import Autoencoder, event_shape_of
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["CheckedAttack", "checked_attack"]


@dataclass(frozen=True)
class CheckedAttack:
    """An attack with its controls and the checks of its model.

    Args:
        controlled: the attack before and after its controls.
        checks: one per pair.
    """

    controlled: Controlled
    checks: list[ModelChecks]

    @property
    def result(self) -> AttackResult:
        """The best distortions known, found by the attack or by a control."""
        return self.controlled.result

    def rows(self, pair: int, identity: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """One row of plain values per level of one pair; see ``docs/rows.md``.

        ``identity`` has the columns that name the pair and its settings in a suite.
        """
        return self.controlled.rows(pair, checks=asdict(self.checks[pair]), identity=identity)

    @property
    def flags(self) -> list[Flag]:
        """Every flag of an attack, raised or not; see ``docs/flags.md``."""
        return suite_flags(self.rows(pair) for pair in range(len(self.checks)))


@torch.inference_mode(False)
def checked_attack(
    model: Autoencoder,
    x: Tensor,
    target: Tensor | None = None,
    config: AttackConfig | None = None,
    *,
    loss: Loss | None = None,
    levels: Tensor | None = None,
    pair_numbers: Sequence[int] | None = None,
    transferred: Tensor | None = None,
) -> CheckedAttack:
    """Attack, recheck convergence, and compare with noise, gradient-free search and a sibling.

    A `Wrapper` is also attacked with knowledge of its inner model, see `adaptive_points`.

    Args:
        model, x, target, config, loss, levels, pair_numbers: as for `attack`.
        transferred: adversarial images made for a sibling model, :math:`(P, K, *\\text{event})`.

    Raises:
        ModelError, ShapeError, DataError, ConfigError: as for `attack`, ``transferred`` included.

    Example:
        >>> import torch
        >>> from seatbelt_vae.config import ModelConfig, resolve
        >>> from seatbelt_vae.models import HierarchicalVAE
        >>> shape = resolve(ModelConfig("vae", latent_sizes=(2,)), "toy", (1, 16, 16), (-1.0, 1.0))
        >>> x, target = torch.rand(2, 1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
        >>> config = AttackConfig(weight_count=3, restarts=0, gradient_free=20, recheck=0)
        >>> checked = checked_attack(HierarchicalVAE(shape).eval(), x, target, config)
        >>> {flag.name: flag.raised for flag in checked.flags}["trivial bound exceeded"]
        False
    """
    config, given, model = config or AttackConfig(), model, prepare_model(model)
    others: list[tuple[str, Tensor]] = []
    if transferred is not None:
        others.append(("transfer", _checked_transfer(model, transferred, len(x)).flatten(2)))
    bare = replace(config, recheck=0)
    result = attack(model, x, target, bare, loss=loss, levels=levels, pair_numbers=pair_numbers)
    numbers = range(len(x)) if pair_numbers is None else pair_numbers
    keys = [(config.seed, number) for number in numbers]
    if config.strength == "strong" and config.recheck:
        result = recheck(result, config, keys)
    if isinstance(given, Wrapper):
        others += adaptive_points(result, given, config, keys, loss).items()
    compared = controlled(result, config, keys, others)
    starts = [generator_for(Stream.PROBE_START, *key) for key in keys]
    checks = check_model(model, result.problem, starts)
    return CheckedAttack(compared, checks)


def _checked_transfer(model: Autoencoder, transferred: Tensor, pairs: int) -> Tensor:
    shape = transferred.shape
    if shape[0] != pairs or tuple(shape[2:]) != event_shape_of(model):
        raise ShapeError(
            f"transferred images of shape {tuple(shape)}, expected ({pairs}, images, "
            f"{', '.join(map(str, event_shape_of(model)))})"
        )
    return as_images("a transferred", transferred, model)
