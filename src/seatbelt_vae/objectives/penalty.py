"""The interface of a penalty: a scalar in nats per example from a batch and its posterior."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from seatbelt_vae.config import ObjectiveConfig
from seatbelt_vae.config.presets import Penalty
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.objectives.warm_up import WarmUp
from seatbelt_vae.optim import Adam
from seatbelt_vae.parallel.process_group import ProcessGroup, process_group
from seatbelt_vae.protocol import Autoencoder, Noise, Posterior
from seatbelt_vae.randomness import Stream, generator_for
from seatbelt_vae.references import resolve_reference

__all__ = [
    "DefendedBatch",
    "InputDefence",
    "PenaltyInput",
    "PenaltyLoss",
    "PenaltySetup",
    "TrainedPart",
    "WeighedPenalty",
    "build_loss",
]


_MOST_WORKERS = 2**16


def _no_examples() -> Tensor:
    raise ConfigError("a defence that needs example images: give `examples` to PenaltySetup")


@dataclass(frozen=True)
class PenaltySetup:
    """The facts of a run that a penalty is built from.

    Args:
        latent_sizes: sizes of the layers, z¹ first.
        data_size: N, images in the training split.
        config: the settings of the objective.
        seed: seed of the run.
        device: device of the model.
        workers: the processes that share a batch.
        examples: returns training images, the same at every call, :math:`(N, C, H, W)`.
    """

    latent_sizes: tuple[int, ...] = ()
    data_size: int = 0
    config: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    workers: ProcessGroup = field(default_factory=process_group)
    examples: Callable[[], Tensor] = _no_examples


@dataclass(frozen=True)
class PenaltyInput:
    r"""The rows of one worker in a batch, and the terms of their ELBO.

    Args:
        model: the model in training; call it again for a second forward pass.
        x: images that the encoder read, with a defence not the clean ones, :math:`(B, C, H, W)`.
        noise: noise of the codes, :math:`(B, d_i)` per layer.
        log_likelihood: :math:`\log p(x|z)` of the clean images, nats, :math:`(B)`.
        divergences: divergence of every unit, nats, :math:`(B, d_i)` per layer.
        posterior: the conditional and the drawn code of each layer.
        step: training step, from 1; None outside training.
        seed: seed of the penalty's random numbers.
        position: position of the penalty in its preset.
        rank: number of the worker.
    """

    model: Autoencoder
    x: Tensor
    noise: Noise
    log_likelihood: Tensor
    divergences: tuple[Tensor, ...]
    posterior: Posterior
    step: int | None = None
    seed: int = 0
    position: int = 0
    rank: int = 0

    def generator(self) -> torch.Generator:
        """A CPU generator for this penalty, step and worker, equal at every call."""
        # a key has at most two indices
        source = self.position * _MOST_WORKERS + self.rank
        return generator_for(Stream.PENALTY, self.seed, self.step or 0, source)


@dataclass(frozen=True)
class TrainedPart:
    """A network that a penalty trains together with the model.

    Args:
        name: prefix of its tensors in checkpoints and of its loss in the metrics.
        network: updated after each step of the model; its parameters require gradients only then.
        optimizer: the optimiser of the network.
    """

    name: str
    network: nn.Module
    optimizer: Adam


class PenaltyLoss(ABC):
    """Computes the value of a penalty.

    Args:
        setup: the facts of the run.

    Example:
        >>> class CodeNorm(PenaltyLoss):
        ...     def __call__(self, given: PenaltyInput) -> tuple[Tensor, Mapping[str, Tensor]]:
        ...         return given.posterior.z[-1].square().sum(-1).mean(), {}
    """

    part: TrainedPart | None = None

    def __init__(self, setup: PenaltySetup) -> None:
        self.setup = setup

    @abstractmethod
    def __call__(self, given: PenaltyInput) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The value, nats per example, and further figures for the metrics by name.

        The value is a mean over the worker's rows. Its gradients are averaged over the workers.
        """

    def part_loss(self, code: Tensor, step: int) -> Tensor:
        """The loss of the trained part on this worker's codes of the top layer, :math:`(B, d_L)`.

        Its gradients and its value are averaged over the workers.
        """
        raise NotImplementedError(f"{type(self).__name__} has a trained part, but no part_loss")


@dataclass(frozen=True)
class DefendedBatch:
    """The images that the encoder reads in place of a worker's rows of a batch.

    Args:
        x: the images, :math:`(B, C, H, W)`.
        attacked: the rows that differ, :math:`(B)`.
        share: their share of the batch of all workers.
        weight: weight of an attacked row; other rows have weight 1.
    """

    x: Tensor
    attacked: Tensor
    share: float
    weight: float = 1.0

    @property
    def weights(self) -> Tensor:
        """The weights of the rows, with mean 1 over the batch of all workers, :math:`(B)`."""
        rows = 1 + (self.weight - 1) * self.attacked.float()
        return rows / (1 + (self.weight - 1) * self.share)

    def means(self, elbo: Tensor) -> dict[str, Tensor]:
        """The means of the clean and of the attacked rows of :math:`(B)`, as metrics.

        The means over workers of these values are those of the whole batch.
        """
        return {
            "elbo_clean": (elbo * ~self.attacked).mean() / (1 - self.share),
            "elbo_attacked": (elbo * self.attacked).mean() / self.share,
        }


class InputDefence(ABC):
    """A defence that changes the images that the encoder reads; their likelihood stays the target.

    Args:
        setup: the facts of the run.
    """

    def __init__(self, setup: PenaltySetup) -> None:
        self.setup = setup

    @abstractmethod
    def __call__(self, model: Autoencoder, x: Tensor, step: int | None) -> DefendedBatch:
        """The images to encode in place of this worker's rows ``x``, without gradient."""


@dataclass(frozen=True)
class WeighedPenalty:
    """A penalty of an objective at a given β.

    Args:
        penalty: the declaration.
        weight: the weight after the warm-up.
        warm_up: factor of the weight at each step.
        loss: computes the value; None for the KL, which the objective computes.
    """

    penalty: Penalty
    weight: float
    warm_up: WarmUp = field(default_factory=WarmUp)
    loss: PenaltyLoss | None = None

    @classmethod
    def of(
        cls, penalty: Penalty, beta: float, config: ObjectiveConfig, loss: PenaltyLoss | None = None
    ) -> "WeighedPenalty":
        """A declared penalty with the weight and the warm-up of the settings."""
        steps = 0 if penalty.warm_up is None else getattr(config, penalty.warm_up)
        warm_up = WarmUp(steps, config.warm_up_period)
        return cls(penalty, penalty.weight_at(beta, config), warm_up, loss)

    @property
    def metric(self) -> str:
        """The name of the value among the metrics."""
        return self.penalty.metric or self.penalty.name

    def at(self, step: int | None) -> float:
        """The weight at a training step, from 1; without a step the warm-up is over."""
        return (1.0 if step is None else self.warm_up(step)) * self.weight


def build_loss(penalty: Penalty, setup: PenaltySetup) -> PenaltyLoss | InputDefence:
    """The object that computes a declared penalty, or that changes the inputs.

    Raises:
        ConfigError: the declaration names no subclass of `PenaltyLoss` or `InputDefence`.
    """
    name, loss = f"the loss of penalty {penalty.name}", penalty.loss
    found: object = resolve_reference(loss) if isinstance(loss, str) else loss
    if not (isinstance(found, type) and issubclass(found, PenaltyLoss | InputDefence)):
        raise ConfigError(f"{name} is {found!r}, expected a subclass of PenaltyLoss")
    return found(setup)
