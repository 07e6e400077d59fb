"""The weights of a model by name, over all its modules."""

from torch import Tensor, nn
from torch.nn import Parameter

from seatbelt_vae.protocol import Autoencoder, modules_of

__all__ = ["named_parameters", "named_state"]


def named_parameters(model: Autoencoder) -> dict[str, Parameter]:
    """The parameters of a model; with several modules, names begin with the module's number."""
    modules = modules_of(model)
    return {
        _name(modules, number, name): weight
        for number, module in enumerate(modules)
        for name, weight in module.named_parameters()
    }


def named_state(model: Autoencoder) -> dict[str, Tensor]:
    """The parameters and buffers of a model, named as in `named_parameters`."""
    modules = modules_of(model)
    return {
        _name(modules, number, name): tensor
        for number, module in enumerate(modules)
        for name, tensor in module.state_dict().items()
    }


def _name(modules: list[nn.Module], number: int, name: str) -> str:
    return name if len(modules) == 1 else f"{number}.{name}"
