"""The presets' objectives, from one function of (model, batch, noise)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from seatbelt_vae.config import PRESETS, ObjectiveConfig, resolve_objective
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.objectives.density_ratio import DensityRatio
from seatbelt_vae.objectives.elbo import Terms, elbo_units
from seatbelt_vae.objectives.free_bits import free_bits
from seatbelt_vae.objectives.total_correlation import total_correlation
from seatbelt_vae.objectives.warm_up import WarmUp
from seatbelt_vae.parallel.process_group import ProcessGroup, process_group
from seatbelt_vae.protocol import Autoencoder, Noise, Posterior

__all__ = ["Objective"]


@dataclass(frozen=True)
class Objective:
    r"""What a preset maximises, nats per example.

    ``elbo``: the ELBO. ``beta-kl``: :math:`E \log p(x|z) - \beta\,KL`. ``tc``:
    :math:`\mathrm{ELBO} - (\beta-1)\,\widehat{TC}(z^L)`; at :math:`\beta = 1` no TC is computed.
    ``factor``: the same with the TC by a discriminator, which others train. Where several workers
    share a batch, each computes its own rows, the TC against the components of all.

    Args:
        kind: which of the four.
        beta: β.
        free_bits: λ_fb, nats per group.
        free_bits_group: ``unit`` or ``layer``.
        tc_estimator: the minibatch estimator of the TC.
        data_size: N, images in the training split.
        kl_warm_up: factor of the weight of the KL, in every kind of objective.
        tc_warm_up: factor of the weight of the TC.
        ratio: the discriminator of ``factor``.
        workers: the processes that share the batch.

    Example:
        >>> from seatbelt_vae.config import ModelConfig, resolve
        >>> from seatbelt_vae.models import HierarchicalVAE
        >>> from seatbelt_vae.protocol import draw_noise
        >>> model = HierarchicalVAE(resolve(ModelConfig("vae"), "toy", (1, 16, 16), (-1.0, 1.0)))
        >>> objective = Objective.of("vae", ObjectiveConfig(), depth=1, data_size=1000)
        >>> noise = draw_noise((32,), (8,), torch.Generator().manual_seed(0))
        >>> terms = objective(model, torch.zeros(8, 1, 16, 16), noise)
        >>> bool(terms.objective == terms.elbo)
        True
    """

    kind: str
    beta: float
    free_bits: float
    free_bits_group: str
    tc_estimator: str
    data_size: int
    kl_warm_up: WarmUp = field(default_factory=WarmUp)
    tc_warm_up: WarmUp = field(default_factory=WarmUp)
    ratio: DensityRatio | None = None
    workers: ProcessGroup = field(default_factory=process_group)

    @classmethod
    def of(
        cls,
        preset: str,
        config: ObjectiveConfig,
        depth: int,
        data_size: int,
        ratio: DensityRatio | None = None,
    ) -> "Objective":
        """The objective that settings mean for a preset with ``depth`` layers.

        Raises:
            ConfigError: β other than 1 for a preset whose objective is the ELBO; a warm-up of a TC
                that the preset has not.
        """
        beta, free_bits = resolve_objective(config, preset, depth)
        return cls(
            kind=PRESETS[preset].objective,
            beta=beta,
            free_bits=free_bits,
            free_bits_group=config.free_bits_group,
            tc_estimator=config.tc_estimator,
            data_size=data_size,
            kl_warm_up=WarmUp(config.kl_warm_up, config.warm_up_period),
            tc_warm_up=WarmUp(config.tc_warm_up, config.warm_up_period),
            ratio=ratio,
        )

    def __call__(
        self, model: Autoencoder, x: Tensor, noise: Noise, step: int | None = None
    ) -> Terms:
        """The terms on a batch :math:`(B, C, H, W)` with noise :math:`(B, d_i)` a layer.

        ``step`` is the training step, from 1, of the warm-ups; without it they are over.
        """
        of_kl, of_tc = (
            1.0 if step is None else warm_up(step) for warm_up in (self.kl_warm_up, self.tc_warm_up)
        )
        likelihoods, units, posterior = elbo_units(model, x, noise)
        likelihood = likelihoods.mean()
        divergences = tuple(unit.mean(0).sum() for unit in units)
        floors = self.free_bits, self.free_bits_group, self.workers
        bits = [free_bits(unit, *floors) for unit in units]
        charge = torch.stack([charged for charged, _ in bits]).sum()
        penalised = likelihood - of_kl * (self.beta if self.kind == "beta-kl" else 1) * charge
        tc = self._total_correlation(posterior)
        if tc is not None:
            penalised = penalised - of_tc * (self.beta - 1) * tc
        return Terms(
            objective=penalised,
            elbo=likelihood - torch.stack(divergences).sum(),
            log_likelihood=likelihood,
            divergences=divergences,
            total_correlation=tc,
            floored=self._floored(bits, units),
            units=tuple(unit.detach().mean(0) for unit in units),
            code=posterior.z[-1],
        )

    def _floored(self, bits: Sequence[tuple[Tensor, Tensor]], units: Sequence[Tensor]) -> Tensor:
        """The share of all groups at their floor, given each layer's."""
        groups = [1 if self.free_bits_group == "layer" else unit.shape[-1] for unit in units]
        shares = [count * floored for count, (_, floored) in zip(groups, bits, strict=True)]
        return torch.stack(shares).sum() / sum(groups)

    def _total_correlation(self, posterior: Posterior) -> Tensor | None:
        """The estimate on this worker's rows of the batch."""
        if self.beta == 1 or self.kind not in ("tc", "factor"):
            return None
        top, z = posterior.layers[-1], posterior.z[-1]
        if self.kind == "factor":
            if self.ratio is None:
                raise ConfigError("a factor objective without its discriminator: give ratio")
            log_ratios: Tensor = self.ratio(z)
            return log_ratios.mean()
        components = self.workers.gather(top.mean), self.workers.gather(top.log_variance)
        own = self.workers.rank * len(z) + torch.arange(len(z))
        return total_correlation(z, *components, self.data_size, self.tc_estimator, own)
