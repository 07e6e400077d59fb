"""Models, identified by data set, preset, β, latent sizes, defence and seed."""

from dataclasses import dataclass

from seatbelt_vae.config import PRESETS, ObjectiveConfig
from seatbelt_vae.config.model import Network
from seatbelt_vae.data.registry import latent_sizes_of

__all__ = ["Model", "multi_layer", "single_layer"]

_PLAIN = ObjectiveConfig()


@dataclass(frozen=True)
class Model:
    """One model of an experiment.

    Args:
        data: name of the data set.
        preset: name of the preset; for β = 1 a preset without penalties.
        beta: β, the weight of the KL or of the TC penalty.
        latent_sizes: latent units of each layer, z¹ first.
        seed: seed of weights, data order and noise.
        defence: name of the defence, a part of the label; empty for a model of the paper.
        objective: settings of the objective other than β.
        network: the network.
        hardened: whether the encoder is hardened after the training.
    """

    data: str
    preset: str
    beta: float
    latent_sizes: tuple[int, ...]
    seed: int = 0
    defence: str = ""
    objective: ObjectiveConfig = _PLAIN
    network: Network = "conv"
    hardened: bool = False

    @property
    def label(self) -> str:
        """A readable name, unique among the models of a size.

        Example:
            >>> single_layer("chairs", "beta-tcvae", 4, 32).label
            'chairs-beta-tcvae-z32-beta4-seed0'
        """
        sizes = "-".join(str(size) for size in self.latent_sizes)
        name = "-".join(filter(None, (self.data, self.preset, self.defence)))
        return f"{name}-z{sizes}-beta{self.beta:g}-seed{self.seed}"


def single_layer(data: str, preset: str, beta: float, latents: int, seed: int = 0) -> Model:
    """A model with one layer; at β = 1 every preset is the plain VAE.

    Example:
        >>> single_layer("chairs", "beta-tcvae", 1, 32).preset
        'vae'
    """
    return _model(data, preset, beta, (latents,), seed)


def multi_layer(data: str, preset: str, beta: float, depth: int, seed: int = 0) -> Model:
    """A hierarchical model with the last ``depth`` default sizes of the data set.

    Example:
        >>> multi_layer("faces", "seatbelt", 10, 4).latent_sizes
        (48, 24, 12, 6)
        >>> multi_layer("faces", "seatbelt", 1, 2).preset
        'hvae'
    """
    return _model(data, preset, beta, latent_sizes_of(data)[-depth:], seed)


def _model(data: str, preset: str, beta: float, latent_sizes: tuple[int, ...], seed: int) -> Model:
    if beta == 1:  # every penalty has weight 0: train the preset without penalties, once
        kind = PRESETS[preset].architecture
        plain = (n for n, p in PRESETS.items() if p.architecture == kind and not p.weighed)
        preset = next(plain)
    return Model(data, preset, beta, latent_sizes, seed)
