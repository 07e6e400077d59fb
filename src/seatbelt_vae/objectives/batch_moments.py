"""Networks in evaluation mode whose BatchNorm has the moments of a batch."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor, nn

from seatbelt_vae.models.batch_norm import BatchNormReLU
from seatbelt_vae.objectives.inner_attack import evaluated
from seatbelt_vae.parallel.process_group import ProcessGroup
from seatbelt_vae.protocol import Autoencoder, modules_of

__all__ = ["batch_moments"]

_Norm: TypeAlias = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d | BatchNormReLU


@contextmanager
def batch_moments(model: Autoencoder, workers: ProcessGroup) -> Iterator[None]:
    """Normalise by the moments of the first batch that the model reads inside the block.

    Later batches are normalised by the same moments: each image has an output of its own, and a
    gradient with respect to the images passes by the moments. They are functions of the weights
    and carry their gradients. The running moments, which are constants of a gradient, neither
    change nor matter: with them, a norm of a Jacobian falls with the weights before a BatchNorm,
    whose scale has no effect on the network.

    Args:
        model: any autoencoder; each BatchNorm is used once in a pass.
        workers: the processes that share a batch.
    """
    moments: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def replace(norm: _Norm, _module: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        (x,) = inputs
        others = [0, *range(2, x.ndim)]
        if norm not in moments:
            mean = workers.mean(x.mean(others, keepdim=True))
            moments[norm] = mean, workers.mean((x - mean).square().mean(others, keepdim=True))
        mean, variance = moments[norm]
        running = [norm.get_buffer(f"running_{name}").view_as(mean) for name in ("mean", "var")]
        gain = torch.sqrt((running[1] + norm.eps) / (variance + norm.eps))
        # an input with the running moments, which the layer takes away again
        return (x - mean) * gain + running[0]

    with ExitStack() as stack:
        for norm, place in _inputs(model):
            stack.callback(place.register_forward_pre_hook(partial(replace, norm)).remove)
        stack.enter_context(evaluated(model, weights=True))
        yield


def _inputs(model: Autoencoder) -> Iterator[tuple[_Norm, nn.Module]]:
    """Each BatchNorm with running moments, and the module whose input it normalises."""
    for part in modules_of(model):
        for module in part.modules():
            if isinstance(module, BatchNormReLU):
                yield module, module.before
            elif isinstance(module, _Norm) and module.track_running_stats:
                yield module, module
