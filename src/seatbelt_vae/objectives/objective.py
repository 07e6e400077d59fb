"""The objective that training maximises."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from seatbelt_vae.config import preset_of, resolve_objective
from seatbelt_vae.config.presets import KL
from seatbelt_vae.config.training_defences import defences_of
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.objectives.elbo import Terms, elbo_units
from seatbelt_vae.objectives.free_bits import free_bits
from seatbelt_vae.objectives.penalty import (
    InputDefence,
    PenaltyInput,
    PenaltySetup,
    WeighedPenalty,
    build_loss,
)
from seatbelt_vae.parallel.process_group import ProcessGroup, process_group
from seatbelt_vae.protocol import Autoencoder, Noise

__all__ = ["Objective"]


@dataclass(frozen=True)
class Objective:
    r"""A likelihood less a weighed KL and weighed penalties, nats per example.

    .. math:: E \log p(x|z) - w_0 \, KL_{fb} - \sum_i w_i \, P_i

    with weights :math:`w_i` that depend on β and the step, and free bits in the KL. A penalty of
    weight 0 is not computed. The default is the ELBO. A defence may change the images that the
    encoder reads; then the terms are weighed means over the rows of the batch.

    Args:
        divergence: the KL and its weight.
        penalties: the penalties and their weights.
        defence: changes the images that the encoder reads (default: none).
        free_bits: λ_fb, nats per group.
        free_bits_group: ``unit`` or ``layer``.
        seed: seed of the penalties' random numbers.
        workers: the processes that share the batch.

    Example:
        >>> from seatbelt_vae.config import ModelConfig, resolve
        >>> from seatbelt_vae.models import HierarchicalVAE
        >>> from seatbelt_vae.protocol import draw_noise
        >>> model = HierarchicalVAE(resolve(ModelConfig("vae"), "toy", (1, 16, 16), (-1.0, 1.0)))
        >>> noise = draw_noise((32,), (8,), torch.Generator().manual_seed(0))
        >>> objective = Objective.of("vae", PenaltySetup((32,)))
        >>> terms = objective(model, torch.zeros(8, 1, 16, 16), noise)
        >>> bool(terms.objective == terms.elbo)
        True
    """

    divergence: WeighedPenalty = field(default_factory=lambda: WeighedPenalty(KL, 1.0))
    penalties: tuple[WeighedPenalty, ...] = ()
    defence: InputDefence | None = None
    free_bits: float = 0.0
    free_bits_group: str = "unit"
    seed: int = 0
    workers: ProcessGroup = field(default_factory=process_group)

    @classmethod
    def of(cls, preset: str, setup: PenaltySetup) -> "Objective":
        """The objective of a preset in a run.

        Raises:
            ConfigError: as `resolve_objective`; two defences that change the inputs.
        """
        kind, config = preset_of(preset), setup.config
        beta, floor = resolve_objective(config, preset, len(setup.latent_sizes))
        penalties, defence = list[WeighedPenalty](), None
        for penalty in (*kind.penalties, *defences_of(config.defence)):
            loss = build_loss(penalty, setup)
            if isinstance(loss, InputDefence):
                if defence is not None:
                    raise ConfigError(
                        f"defences {', '.join(config.defence)} both change the images that the "
                        f"encoder reads: leave one out"
                    )
                defence = loss
            else:
                penalties.append(WeighedPenalty.of(penalty, beta, config, loss))
        divergence = WeighedPenalty.of(kind.divergence, beta, config)
        bits = floor, config.free_bits_group
        return cls(divergence, tuple(penalties), defence, *bits, setup.seed)

    def __call__(
        self, model: Autoencoder, x: Tensor, noise: Noise, step: int | None = None
    ) -> Terms:
        """The terms of a batch :math:`(B, C, H, W)` with noise :math:`(B, d_i)` per layer.

        Without ``step``, the training step from 1, all warm-ups are over.
        """
        found: dict[str, Tensor] = {}
        defended = None if self.defence is None else self.defence(model, x, step)
        seen = x if defended is None else defended.x
        likelihoods, units, posterior = elbo_units(model, seen, noise, target=x)
        likelihood, charged = likelihoods.mean(), units
        if defended is not None:
            elbo = likelihoods - torch.stack([unit.sum(-1) for unit in units]).sum(0)
            found |= defended.means(elbo.detach())
            likelihood = (likelihoods * defended.weights).mean()
            charged = tuple(unit * defended.weights[:, None] for unit in units)
        divergences = tuple(unit.mean(0).sum() for unit in charged)
        floors = self.free_bits, self.free_bits_group, self.workers
        bits = [free_bits(unit, *floors) for unit in charged]
        charge = torch.stack([cost for cost, _ in bits]).sum()
        penalised = likelihood - self.divergence.at(step) * charge
        for position, penalty in enumerate(self.penalties):
            if penalty.loss is not None and penalty.weight != 0:
                batch = (model, seen, noise, likelihoods, units, posterior)
                key = (step, self.seed, position, self.workers.rank)
                value, figures = penalty.loss(PenaltyInput(*batch, *key))
                penalised = penalised - penalty.at(step) * value
                found |= {penalty.metric: value, **figures}
        return Terms(
            objective=penalised,
            elbo=likelihood - torch.stack(divergences).sum(),
            log_likelihood=likelihood,
            divergences=divergences,
            penalties=found,
            floored=self._floored(bits, units),
            units=tuple(unit.detach().mean(0) for unit in charged),
            code=posterior.z[-1],
        )

    def costs(self, terms: Mapping[str, float], step: int) -> list[float]:
        """The weighed KL and penalties after their warm-ups, from the terms of a step.

        The charged KL is not among the terms; it is the remainder of the objective.
        """
        costs = [penalty.weight * terms.get(penalty.metric, 0.0) for penalty in self.penalties]
        rest = terms["log_likelihood"]
        for penalty, cost in zip(self.penalties, costs, strict=True):
            rest = rest - penalty.warm_up(step) * cost
        return [(rest - terms["objective"]) / self.divergence.warm_up(step), *costs]

    def _floored(self, bits: Sequence[tuple[Tensor, Tensor]], units: Sequence[Tensor]) -> Tensor:
        """The share of groups at their floor over all layers."""
        groups = [1 if self.free_bits_group == "layer" else unit.shape[-1] for unit in units]
        shares = [count * floored for count, (_, floored) in zip(groups, bits, strict=True)]
        return torch.stack(shares).sum() / sum(groups)
