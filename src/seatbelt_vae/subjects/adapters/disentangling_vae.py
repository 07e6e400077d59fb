"""The convolutional VAE whose weights the disentangling-vae project publishes."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.subjects.adapters.wrap import wrap
from seatbelt_vae.subjects.disentangling_specs import trained_as

__all__ = ["DisentanglingVAE", "adapt", "fits", "trained_as"]

_FILTERS = 32


class DisentanglingVAE(nn.Module):
    """4×4 convolutions of stride 2 and three dense layers, on images in [0, 1].

    ``decode`` returns logits. Source: Burgess et al. (2018), appendix A; the names of the weights
    are those of YannDubs/disentangling-vae.

    Args:
        channels: channels of an image.
        side: height and width, 32 or 64.
        units: latent units.
        features: width of the dense layers.
    """

    def __init__(self, channels: int, side: int, units: int, features: int) -> None:
        super().__init__()
        self.names = ["conv1", "conv2", "conv3", *(["conv_64"] if side == 64 else [])]
        self.up_names = [*(["convT_64"] if side == 64 else []), "convT1", "convT2", "convT3"]
        flat = _FILTERS * 4 * 4
        self.encoder, self.decoder = nn.Module(), nn.Module()
        for number, name in enumerate(self.names):
            first = channels if number == 0 else _FILTERS
            self.encoder.add_module(name, nn.Conv2d(first, _FILTERS, 4, stride=2, padding=1))
        for name in self.up_names:
            last = channels if name == self.up_names[-1] else _FILTERS
            self.decoder.add_module(name, nn.ConvTranspose2d(_FILTERS, last, 4, 2, padding=1))
        for part, sizes in ((self.encoder, (flat, features)), (self.decoder, (units, features))):
            part.add_module("lin1", nn.Linear(*sizes))
            part.add_module("lin2", nn.Linear(features, features))
        self.encoder.add_module("mu_logvar_gen", nn.Linear(features, 2 * units))
        self.decoder.add_module("lin3", nn.Linear(features, flat))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, which the last layer interleaves."""
        for name in self.names:
            x = relu(self.encoder.get_submodule(name)(x))
        x = x.flatten(1)
        for name in ("lin1", "lin2"):
            x = relu(self.encoder.get_submodule(name)(x))
        heads = self.encoder.get_submodule("mu_logvar_gen")(x).unflatten(1, (-1, 2))
        return heads[..., 0], heads[..., 1]

    def decode(self, z: Tensor) -> Tensor:
        """Logits of the pixels."""
        for name in ("lin1", "lin2", "lin3"):
            z = relu(self.decoder.get_submodule(name)(z))
        z = z.unflatten(1, (_FILTERS, 4, 4))
        for name in self.up_names[:-1]:
            z = relu(self.decoder.get_submodule(name)(z))
        logits: Tensor = self.decoder.get_submodule(self.up_names[-1])(z)
        return logits


def fits(tensors: Mapping[str, Tensor]) -> bool:
    """Whether weights have the names of this network."""
    return {"encoder.conv1.weight", "encoder.mu_logvar_gen.weight"} <= tensors.keys()


def adapt(tensors: Mapping[str, Tensor]) -> Autoencoder:
    """The autoencoder of these weights, with the Bernoulli likelihood it was trained with.

    Raises:
        ArtifactError: names or shapes are not those of the network.
    """
    first, heads = tensors["encoder.conv1.weight"], tensors["encoder.mu_logvar_gen.weight"]
    side = 64 if "encoder.conv_64.weight" in tensors else 32
    channels, features = first.shape[1], heads.shape[1]
    with torch.device("meta"):
        module = DisentanglingVAE(channels, side, len(heads) // 2, features)
    try:
        module.load_state_dict(dict(tensors), assign=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ArtifactError(f"the weights are not those of disentangling-vae: {reason}") from None
    return wrap(module, (channels, side, side), likelihood="bernoulli", output="logits")
