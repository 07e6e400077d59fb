"""The interface of a model: an autoencoder is two maps that return distributions.

Attacks, measures and reports use this protocol only, so they accept any model behind an adapter.
`seatbelt_vae.testing.check_autoencoder` checks a model against it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from seatbelt_vae.bounds import Bounds, Limits
from seatbelt_vae.distributions import ImageDistribution, Normal

__all__ = [
    "Autoencoder",
    "Bounds",
    "Capabilities",
    "Limits",
    "Noise",
    "Posterior",
    "as_inputs",
    "bounds_of",
    "capabilities_of",
    "draw_noise",
    "event_shape_of",
    "modules_of",
    "training_modules",
    "units_of",
]

Noise = Sequence[Tensor]
r"""Standard normal draws, one tensor of shape :math:`(*K, B, d_i)` per layer.

``*K`` are leading dimensions of draws, usually none or one. The same noise for two inputs is the
*common-noise* path, fresh noise at every call the *sampled* path, no noise the *mean* path.
"""


@dataclass(frozen=True)
class Capabilities:
    r"""The parts of a variational autoencoder that a model has.

    A model declares them in its attribute ``capabilities``; without the attribute it has all.
    Losses that need a missing part are refused, and such measures are left out.

    Args:
        posterior: ``encode`` returns a diagonal Gaussian per layer; else ``layers`` is empty.
        reparameterised: the codes are :math:`\mu + \sigma\odot\epsilon` of the layers; some
            defences draw them in another way.
        prior: ``prior`` returns a Gaussian per layer.
        likelihood: ``decode`` returns a density, not only the reconstruction.
        repeatable: equal inputs and equal noise give equal results.
        codes: the codes are latent; else they are the reconstruction itself.
        top_down: the posterior of a layer depends on the codes above it, and not on those below.
        tokens: the codes are quantised; ``tokens(x)`` returns integers :math:`(B, n)`.
    """

    posterior: bool = True
    reparameterised: bool = True
    prior: bool = True
    likelihood: bool = True
    repeatable: bool = True
    codes: bool = True
    top_down: bool = False
    tokens: bool = False


@dataclass(frozen=True)
class Posterior:
    r"""The chain :math:`q(z^1|x), q(z^2|z^1,x), \dots, q(z^L|z^{L-1},x)` along one path.

    With the capability ``top_down`` it is :math:`q(z^L|x), q(z^{L-1}|z^L,x), \dots`, stored in the
    same order.

    Args:
        layers: the conditional of each layer, bottom (next to the data) first; empty for an encoder
            without a posterior.
        z: the codes, :math:`z^i` of shape :math:`(*K, B, d_i)`.
    """

    layers: tuple[Normal, ...]
    z: tuple[Tensor, ...]


@runtime_checkable
class Autoencoder(Protocol):
    """An autoencoder with :math:`L \\geq 1` layers of codes.

    It may declare ``capabilities``, see `Capabilities`. Without the capability ``prior`` the method
    is not needed; without ``likelihood``, ``decode`` may return a `PointImage`.
    """

    @property
    def bounds(self) -> Any:
        """Smallest and largest value of an input: two numbers or tensors, or None."""
        ...

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one input: :math:`(C, H, W)` of an image, :math:`(n)` of a vector."""
        ...

    @property
    def latent_sizes(self) -> tuple[int, ...]:
        """:math:`(d_1, \\dots, d_L)`, the layer next to the data first."""
        ...

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        """The posterior chain of inputs :math:`(B, \\text{event})`; the mean path without noise."""
        ...

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        r""":math:`p(z^i|z^{i+1})` per layer, :math:`\mathcal N(0, I)` at the top."""
        ...

    def decode(self, z: Sequence[Tensor]) -> ImageDistribution:
        """The likelihood :math:`p(x|z)`, of shape :math:`(*K, B, \\text{event})`."""
        ...


def capabilities_of(model: object) -> Capabilities:
    """The capabilities that a model declares; all by default."""
    declared = getattr(model, "capabilities", None)
    return declared if isinstance(declared, Capabilities) else Capabilities()


def event_shape_of(model: Autoencoder) -> tuple[int, ...]:
    """The shape of one input; models for the first version declare ``image_shape`` instead."""
    shape: Any = getattr(model, "event_shape", None) or getattr(model, "image_shape", ())
    return tuple(shape)


def bounds_of(model: Autoencoder) -> Bounds:
    """The bounds of a model's inputs, infinite if it declares None.

    Example:
        >>> from types import SimpleNamespace
        >>> bounds_of(SimpleNamespace(bounds=None))
        Bounds(low=-inf, high=inf)
    """
    bounds = model.bounds
    return Bounds(-float("inf"), float("inf")) if bounds is None else Bounds(*bounds)


def units_of(model: Autoencoder) -> Tensor | None:
    r"""The length of one unit of an :math:`L_\infty` budget per feature, in the shape of an input.

    It is the attribute ``scale`` of a model, such as the standard deviations of vectors; else
    :math:`hi - lo` if a model has finite bounds per feature. None: `Bounds.span` for all features.
    """
    scale: Tensor | None = getattr(model, "scale", None)
    bounds = bounds_of(model)
    per_feature = isinstance(bounds.low, Tensor) or isinstance(bounds.high, Tensor)
    if scale is None and per_feature and bounds.finite:
        scale = torch.as_tensor(bounds.high) - torch.as_tensor(bounds.low)
    return None if scale is None else scale.expand(event_shape_of(model))


def draw_noise(
    latent_sizes: Sequence[int],
    shape: Sequence[int],
    generator: torch.Generator,
    *,
    like: Tensor | None = None,
) -> tuple[Tensor, ...]:
    r"""Standard normal noise per layer, each of shape :math:`(*\text{shape}, d_i)`.

    Noise is drawn in float64 on the generator's device and then cast, so one seed gives the same
    noise in every precision and on every device.

    Args:
        latent_sizes: :math:`(d_1, \dots, d_L)`.
        shape: leading shape, e.g. ``(B,)`` or ``(K, B)``.
        generator: the source of the draws.
        like: a tensor with the dtype and device of the noise (default: float32 on the CPU).

    Example:
        >>> noise = draw_noise((4, 2), (8,), torch.Generator().manual_seed(0))
        >>> [tuple(n.shape) for n in noise]
        [(8, 4), (8, 2)]
    """
    like = torch.empty(0) if like is None else like
    draws = (
        torch.randn(*shape, d, generator=generator, dtype=torch.float64, device=generator.device)
        for d in latent_sizes
    )
    return tuple(draw.to(like) for draw in draws)


def as_inputs(model: object, x: Any) -> Tensor:
    """Inputs as a tensor; an array gets the dtype and the device of a model's first weight."""
    if isinstance(x, Tensor):
        return x
    weights = (p for part in modules_of(model) for p in part.parameters() if p.is_floating_point())
    return torch.as_tensor(x).to(next(weights, torch.empty(0)))


def modules_of(model: object) -> list[nn.Module]:
    """The model if it is a module, else the modules below it.

    They are found in attributes, containers, closures, bound methods and partial functions, at any
    depth, and among the global names of functions.

    Example:
        >>> inner = nn.Linear(2, 2)
        >>> modules_of([{"map": lambda x: inner(x)}])
        [Linear(in_features=2, out_features=2, bias=True)]
    """
    found: dict[int, nn.Module] = {}
    seen: set[int] = set()
    pending: list[object] = [model]
    while pending:
        part = pending.pop()
        if isinstance(part, nn.Module):
            found.setdefault(id(part), part)
        elif id(part) not in seen and not isinstance(part, type | ModuleType | Tensor):
            seen.add(id(part))
            pending += reversed(list(_below(part)))
    return list(found.values())


def training_modules(model: object) -> Iterator[tuple[str, nn.Module]]:
    """The modules in training mode, by name; programs of ``torch.export`` have one mode only."""
    for part in modules_of(model):
        fixed: tuple[str, ...] = ()
        for name, module in part.named_modules():
            if isinstance(module, GraphModule) and "train" in vars(module):
                fixed += (name,)
            if module.training and not any(_is_under(name, above) for above in fixed):
                yield name, module


def _is_under(name: str, above: str) -> bool:
    return above in ("", name) or name.startswith(f"{above}.")


def _below(part: object) -> Iterator[object]:
    """The objects that an object refers to: attributes, items, cells, ``self`` of a method."""
    if isinstance(part, Mapping):
        yield from part.values()
    elif isinstance(part, list | tuple | set | frozenset):
        yield from part
    elif isinstance(part, MethodType):
        yield from (part.__self__, part.__func__)
    elif isinstance(part, partial):
        yield from (part.func, part.args, part.keywords)
    elif isinstance(part, FunctionType):
        yield from (cell.cell_contents for cell in part.__closure__ or () if _is_set(cell))
        used = (part.__globals__.get(name) for name in part.__code__.co_names)
        yield from (value for value in used if isinstance(value, nn.Module))
    yield from getattr(part, "__dict__", {}).values()


def _is_set(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # a name that is not assigned yet
        return False
