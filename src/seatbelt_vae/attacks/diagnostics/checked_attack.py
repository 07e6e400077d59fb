"""An attack with all that makes its numbers believable: controls beside it, probes, flags."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from seatbelt_vae.attacks.attack import attack, check_range
from seatbelt_vae.attacks.diagnostics.controls import Controlled, controlled
from seatbelt_vae.attacks.diagnostics.flags import Flag, suite_flags
from seatbelt_vae.attacks.diagnostics.probe import Probe, probe
from seatbelt_vae.attacks.losses import Loss
from seatbelt_vae.attacks.result import AttackResult
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ShapeError
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.randomness import Stream, generator_for

__all__ = ["CheckedAttack", "checked_attack"]


@dataclass(frozen=True)
class CheckedAttack:
    """An attack beside its controls, and what the model showed.

    Args:
        controlled: the attack by itself, and with what controls found better.
        probes: one a pair.
    """

    controlled: Controlled
    probes: list[Probe]

    @property
    def result(self) -> AttackResult:
        """The best known distortions, whoever found them."""
        return self.controlled.result

    def rows(self, pair: int) -> list[dict[str, Any]]:
        """One plain row a level of one pair; see ``docs/rows.md``."""
        return [row | asdict(self.probes[pair]) for row in self.controlled.rows(pair)]

    @property
    def flags(self) -> list[Flag]:
        """Every flag an attack can raise, raised or not; see ``docs/flags.md``."""
        return suite_flags(self.rows(pair) for pair in range(len(self.probes)))


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
    """Attack, and put the attack beside noise, a gradient-free search and a sibling's images.

    Args:
        model, x, target, config, loss, levels, pair_numbers: as for `attack`.
        transferred: adversarial images made for a sibling model, :math:`(P, K, C, H, W)`.

    Raises:
        ShapeError, DataError, ConfigError: as `attack`; also of transferred images.

    Example:
        >>> import torch
        >>> from seatbelt_vae.config import ModelConfig, resolve
        >>> from seatbelt_vae.models import HierarchicalVAE
        >>> shape = resolve(ModelConfig("vae", latent_sizes=(2,)), "toy", (1, 16, 16), (-1.0, 1.0))
        >>> x, target = torch.rand(2, 1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
        >>> config = AttackConfig(weight_count=3, restarts=0, gradient_free=20, recheck=0)
        >>> judged = checked_attack(HierarchicalVAE(shape).eval(), x, target, config)
        >>> {flag.name: flag.raised for flag in judged.flags}["model in training mode"]
        False
    """
    config = config or AttackConfig()
    numbers = range(len(x)) if pair_numbers is None else pair_numbers
    keys = [(config.seed, number) for number in numbers]
    if transferred is not None:
        _check(model, transferred, len(x))
    result = attack(model, x, target, config, loss=loss, levels=levels, pair_numbers=pair_numbers)
    flat = None if transferred is None else transferred.flatten(2)
    beside = controlled(result, config, keys, flat)
    starts = [generator_for(Stream.PROBE_START, *key) for key in keys]
    probes = probe(model, result.problem, starts)
    return CheckedAttack(beside, probes)


def _check(model: Autoencoder, transferred: Tensor, pairs: int) -> None:
    shape = transferred.shape
    if transferred.ndim != 5 or shape[0] != pairs or shape[2:] != model.image_shape:
        raise ShapeError(
            f"transferred images of shape {tuple(shape)}, expected ({pairs}, images, "
            f"{', '.join(map(str, model.image_shape))})"
        )
    check_range("a transferred", transferred, model.bounds)
