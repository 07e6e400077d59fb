"""Adam for the parameters of a network, with a state that is stored by name."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

__all__ = ["Adam"]

_EPS = 1e-8
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


class Adam:
    """Adam (Kingma & Ba 2015) with decoupled weight decay (Loshchilov & Hutter 2019).

    The arithmetic is torch's fused kernel. ``torch.optim.Adam`` has the same results, but imports
    the compiler of torch when it is made, which takes longer than the import of torch itself.

    Args:
        network: the parameters; those without a gradient are left as they are.
        learning_rate: the learning rate; assign to the attribute to change it.
        betas: decay rates of both moments.
        weight_decay: share of a parameter that a step subtracts, times the learning rate.

    Example:
        >>> network = nn.Linear(2, 1)
        >>> optimizer = Adam(network, learning_rate=0.1)
        >>> network(torch.ones(3, 2)).mean().backward()
        >>> before = network.bias.item()
        >>> optimizer.step()
        >>> round(before - network.bias.item(), 4)
        0.1
    """

    def __init__(
        self,
        network: nn.Module | Mapping[str, nn.Parameter],
        learning_rate: float,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
    ) -> None:
        named = network.named_parameters() if isinstance(network, nn.Module) else network
        self._parameters = dict(named)
        self._betas, self._weight_decay = betas, weight_decay
        self._state: dict[str, dict[str, Tensor]] = {}
        self.learning_rate = learning_rate

    def zero_grad(self) -> None:
        """Discard the gradients."""
        for parameter in self._parameters.values():
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Update the parameters by their gradients."""
        updated = {name: p for name, p in self._parameters.items() if p.grad is not None}
        for name, parameter in updated.items():
            if name not in self._state:
                self._state[name] = _zeros(parameter)
        first, second, steps = (
            [self._state[name][moment] for name in updated] for moment in _MOMENTS
        )
        adam(
            list(updated.values()),
            [p.grad for p in updated.values() if p.grad is not None],
            first,
            second,
            [],
            steps,
            fused=True,
            amsgrad=False,
            beta1=self._betas[0],
            beta2=self._betas[1],
            lr=self.learning_rate,
            weight_decay=self._weight_decay,
            decoupled_weight_decay=True,
            eps=_EPS,
            maximize=False,
        )

    def tensors(self, prefix: str) -> dict[str, Tensor]:
        """The moments of updated parameters, with keys such as ``prefix.conv.weight.exp_avg``."""
        return {
            f"{prefix}.{name}.{moment}": self._state[name][moment]
            for name in self._parameters
            if name in self._state
            for moment in _MOMENTS
        }

    def load(self, prefix: str, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`; other tensors are ignored."""
        for name, parameter in self._parameters.items():
            if f"{prefix}.{name}.step" in tensors:
                self._state[name] = _zeros(parameter)
                for moment, tensor in self._state[name].items():
                    tensor.copy_(tensors[f"{prefix}.{name}.{moment}"])


def _zeros(parameter: Tensor) -> dict[str, Tensor]:
    """Moments before the first step; the fused kernel needs the memory layout of the parameter."""
    step = torch.zeros((), dtype=torch.float32, device=parameter.device)
    return {
        "exp_avg": torch.zeros_like(parameter),
        "exp_avg_sq": torch.zeros_like(parameter),
        "step": step,
    }
