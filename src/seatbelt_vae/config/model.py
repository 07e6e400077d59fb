"""The settings of a model and the architecture they resolve to."""

from dataclasses import dataclass
from math import inf
from typing import Literal, get_args

from seatbelt_vae.config.checks import one_of, positive
from seatbelt_vae.config.presets import check_preset, preset_of
from seatbelt_vae.errors import ConfigError

__all__ = ["LATENT_SIZES", "Architecture", "ModelConfig", "resolve"]

Network = Literal["conv", "mlp", "lipschitz"]
Likelihood = Literal["gaussian", "bernoulli"]

SMALLEST_CONV_SIDE = 16

LATENT_SIZES = (96, 48, 24, 12, 6)
"""Default sizes of several layers; a model of L layers has the last L. Data sets may differ."""

_LIPSCHITZ_CONSTANTS = (0.5, 4.0)
_DEFAULT_DEPTH = 4
_DEFAULT_SINGLE_LAYER = 32


@dataclass(frozen=True)
class ModelConfig:
    """The model to train.

    Args:
        preset: name of a preset, or `package.module:attribute` of a custom `Preset`.
        depth: number of latent layers L (default: 1, or 4 for hierarchical presets), whose sizes
            depend on the preset and the data set, such as the last L of (96, 48, 24, 12, 6).
        latent_sizes: sizes of the layers, the one next to the data first; replaces `depth`
            (default: from `depth`).
        network: `conv` (Chen et al. 2018), `mlp`, or `lipschitz`, convolutions of one layer whose
            reconstruction has a known Lipschitz constant.
        filters: channels of the convolutions, first to last (default: 32 32 64 64, twice that for
            RGB); further stages repeat the last.
        features: width of the shared features of the image, or of the MLP (default: 512, MLP 1200).
        hierarchy_widths: hidden widths of the networks between neighbouring latent layers.
        likelihood: `gaussian` with a fixed variance, or `bernoulli` on [0, 1].
        variance: variance of the Gaussian likelihood.
        lipschitz_constants: of the posterior mean and of the decoder with network `lipschitz`;
            their product bounds the reconstruction (default: 0.5 4).
    """

    preset: str = "seatbelt"
    depth: int | None = None
    latent_sizes: tuple[int, ...] | None = None
    network: Network = "conv"
    filters: tuple[int, ...] | None = None
    features: int | None = None
    hierarchy_widths: tuple[int, ...] = (1024, 512, 256, 128, 64)
    likelihood: Likelihood = "gaussian"
    variance: float = 0.1
    lipschitz_constants: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        check_preset(self.preset)
        _check_networks(self, ("latent_sizes", "filters", "hierarchy_widths"))
        if self.depth is not None:
            positive("depth", self.depth)
        if self.features is not None:
            positive("features", self.features)
        if self.latent_sizes is not None and self.depth not in (None, len(self.latent_sizes)):
            raise ConfigError(
                f"depth {self.depth} contradicts the {len(self.latent_sizes)} latent_sizes "
                f"{self.latent_sizes}: give one of the two"
            )


@dataclass(frozen=True)
class Architecture:
    """The complete architecture of a model, stored with its weights.

    Args:
        image_shape: (C, H, W).
        bounds: smallest and largest pixel value.
        latent_sizes: (d_1, …, d_L), the layer next to the data first.
        network, filters, features, hierarchy_widths, likelihood, variance: see `ModelConfig`.
        chain_likelihood: the decoder reads z¹ only.
        lipschitz_constants: see `ModelConfig`; None for other networks.
    """

    image_shape: tuple[int, int, int]
    bounds: tuple[float, float]
    latent_sizes: tuple[int, ...]
    network: Network
    filters: tuple[int, ...]
    features: int
    hierarchy_widths: tuple[int, ...]
    likelihood: Likelihood
    variance: float
    chain_likelihood: bool
    lipschitz_constants: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        _check_networks(self, ("latent_sizes", "filters"))
        channels, height, width = self.image_shape
        if self.network != "mlp" and min(height, width) < SMALLEST_CONV_SIDE:
            raise ConfigError(
                f"images of {height}×{width} pixels are too small for network {self.network!r}, "
                f"which needs {SMALLEST_CONV_SIDE} or more a side: use network 'mlp'"
            )
        if self.network != "mlp" and channels not in (1, 3):
            raise ConfigError(f"images have {channels} channels, expected 1 (grey) or 3 (RGB)")
        if self.network == "lipschitz":
            self._check_lipschitz()
        if not self.bounds[0] < self.bounds[1]:
            raise ConfigError(f"bounds are {self.bounds}, expected the smaller value first")
        if len(self.latent_sizes) - 1 > len(self.hierarchy_widths):
            raise ConfigError(
                f"{len(self.latent_sizes)} layers need {len(self.latent_sizes) - 1} "
                f"hierarchy_widths, got {len(self.hierarchy_widths)}: give more widths"
            )

    def _check_lipschitz(self) -> None:
        if self.lipschitz_constants is None:
            raise ConfigError("network 'lipschitz' without lipschitz_constants: give two numbers")
        if self.depth != 1:
            raise ConfigError(
                f"network 'lipschitz' has one layer of latents, got {self.depth}: use a preset of "
                f"one layer"
            )
        if odd := [size for size in (*self.filters, self.features) if size % 2]:
            raise ConfigError(f"network 'lipschitz' needs even filters and features, got {odd[0]}")

    @property
    def depth(self) -> int:
        """The number of latent layers L."""
        return len(self.latent_sizes)


def _check_networks(settings: ModelConfig | Architecture, sizes: tuple[str, ...]) -> None:
    one_of("network", settings.network, get_args(Network))
    one_of("likelihood", settings.likelihood, ("gaussian", "bernoulli"))
    positive("variance", settings.variance)
    constants = settings.lipschitz_constants
    if constants is not None and settings.network != "lipschitz":
        raise ConfigError(
            f"lipschitz_constants without network 'lipschitz', got network {settings.network!r}"
        )
    if constants is not None and (len(constants) != 2 or not all(0 < c < inf for c in constants)):
        raise ConfigError(
            f"lipschitz_constants is {constants}, expected two positive numbers, of the encoder "
            f"and of the decoder"
        )
    for name in sizes:
        values = getattr(settings, name)
        if values is not None and (not values or min(values) < 1):
            raise ConfigError(f"{name} is {values}, expected one or more sizes of at least 1")


def resolve(
    model: ModelConfig,
    data_name: str,
    image_shape: tuple[int, int, int],
    bounds: tuple[float, float],
    latent_sizes: tuple[int, ...] = LATENT_SIZES,
) -> Architecture:
    """The architecture that the settings of a model give on a data set.

    Args:
        model: the settings.
        data_name: name of the data set, for error messages.
        image_shape: (C, H, W).
        bounds: smallest and largest pixel value.
        latent_sizes: default sizes of several layers; a model of L layers has the last L.

    Example:
        >>> resolve(ModelConfig(depth=2), "dsprites", (1, 64, 64), (-1.0, 1.0)).latent_sizes
        (12, 6)

    Raises:
        ConfigError: more layers than the data set has default sizes, or too small images.
    """
    grey = image_shape[0] == 1
    return Architecture(
        image_shape=image_shape,
        bounds=bounds,
        latent_sizes=model.latent_sizes or _default_sizes(model, data_name, latent_sizes),
        network=model.network,
        filters=model.filters or ((32, 32, 64, 64) if grey else (64, 64, 128, 128)),
        features=model.features or (1200 if model.network == "mlp" else 512),
        hierarchy_widths=model.hierarchy_widths,
        likelihood=model.likelihood,
        variance=model.variance,
        chain_likelihood=preset_of(model.preset).chain_likelihood,
        lipschitz_constants=model.lipschitz_constants or _constants_of(model.network),
    )


def _constants_of(network: Network) -> tuple[float, float] | None:
    return _LIPSCHITZ_CONSTANTS if network == "lipschitz" else None


def _default_sizes(model: ModelConfig, data_name: str, sizes: tuple[int, ...]) -> tuple[int, ...]:
    hierarchical = preset_of(model.preset).hierarchical
    if not hierarchical and model.depth in (None, 1):
        return (_DEFAULT_SINGLE_LAYER,)
    if not hierarchical:
        raise ConfigError(
            f"depth {model.depth} with preset {model.preset!r}, which has one layer: "
            f"use a hierarchical preset (hvae, seatbelt, dlgm, tc-dlgm) or depth 1"
        )
    depth = model.depth or _DEFAULT_DEPTH
    if depth > len(sizes):
        raise ConfigError(
            f"depth {depth} is more than the {len(sizes)} sizes {sizes} known for "
            f"{data_name!r}: give latent_sizes with {depth} entries, or a smaller depth"
        )
    return sizes[-depth:]
