"""The networks that penalties train beside the model."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from seatbelt_vae.objectives import PenaltyLoss, WeighedPenalty
from seatbelt_vae.objectives.penalty import TrainedPart
from seatbelt_vae.parallel.process_group import process_group
from seatbelt_vae.training.state import load_weights, weights

__all__ = ["PenaltyParts"]


class PenaltyParts:
    """Updates and stores the trained parts of an objective's penalties.

    Args:
        penalties: the penalties of the objective; those without a trained part are ignored.
    """

    def __init__(self, penalties: Sequence[WeighedPenalty]) -> None:
        losses = [penalty.loss for penalty in penalties if penalty.loss is not None]
        self._group = process_group()
        self._trained = [(loss, loss.part) for loss in losses if loss.part is not None]

    def step(self, code: Tensor, step: int) -> dict[str, float]:
        """Update every part on this process's codes; the losses over all processes, nats."""
        return {
            f"{part.name}_loss": float(self._group.mean(self._update(loss, part, code, step)))
            for loss, part in self._trained
        }

    def tensors(self) -> dict[str, Tensor]:
        """The weights and the moments of every part."""
        found: dict[str, Tensor] = {}
        for _, part in self._trained:
            found |= weights(part.name, part.network)
            found |= part.optimizer.tensors(f"{part.name}_adam")
        return found

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`."""
        for _, part in self._trained:
            load_weights(part.name, part.network, tensors)
            part.optimizer.load(f"{part.name}_adam", tensors)

    def _update(self, loss: PenaltyLoss, part: TrainedPart, code: Tensor, step: int) -> Tensor:
        """One optimiser step of a part, which requires gradients only here."""
        part.network.requires_grad_(True)
        value = loss.part_loss(code, step)
        part.optimizer.zero_grad()
        value.backward()
        self._group.average_gradients(part.network.parameters())
        part.optimizer.step()
        part.network.requires_grad_(False)
        return value.detach()
