"""The three classifiers of a model: two read its reconstructions, one its latents."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seatbelt_vae.evaluation.downstream.classifiers import (
    Classifier,
    convolutional,
    mlp,
    train_classifier,
)
from seatbelt_vae.protocol import Autoencoder

__all__ = ["READERS", "Readers"]

READERS: dict[str, tuple[Callable[..., nn.Module], str]] = {
    "mlp-reconstruction": (mlp, "reconstruction"),
    "conv-reconstruction": (convolutional, "reconstruction"),
    "mlp-latents": (mlp, "latents"),
}
"""By name: the network, and what it reads."""


@dataclass(frozen=True)
class Readers:
    r"""A model and the classifiers that read what it makes of images.

    They read the mean path, which is deterministic, and the one that attacks walk: the
    reconstruction is the decoder's mean image, the latents are the posterior means
    :math:`z^1, \dots, z^L` side by side.

    Args:
        model: the autoencoder, in evaluation mode.
        classifiers: by the names of `READERS`.
        batch: images encoded at once.
    """

    model: Autoencoder
    classifiers: dict[str, Classifier]
    batch: int

    @classmethod
    def train(
        cls,
        model: Autoencoder,
        images: Iterable[Tensor],
        labels: Tensor,
        classes: int,
        *,
        seed: int = 0,
        batch: int = 250,
    ) -> "Readers":
        """Train all of them on what the model makes of images.

        Args:
            model: the autoencoder, in evaluation mode.
            images: the training images, in batches :math:`(B, C, H, W)`.
            labels: the class of every image, :math:`(N)`.
            classes: how many there are.
            seed: seed of the weights and the order.
            batch: images encoded at once later on.
        """
        parts = [_views(model, x) for x in images]
        views = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        trained = {
            name: train_classifier(build, views[view], labels, classes, seed=seed)
            for name, (build, view) in READERS.items()
        }
        return cls(model, trained, batch)

    def predict(self, x: Tensor) -> dict[str, list[int]]:
        """The class that each of them gives every image :math:`(B, C, H, W)`."""
        found: dict[str, list[int]] = {name: [] for name in self.classifiers}
        for part in x.split(self.batch):
            views = _views(self.model, part)
            for name, classifier in self.classifiers.items():
                found[name] += classifier.predict(views[READERS[name][1]]).tolist()
        return found


@torch.no_grad()
def _views(model: Autoencoder, x: Tensor) -> dict[str, Tensor]:
    """What there is to read of images."""
    z = model.encode(x).z
    return {"reconstruction": model.decode(z).mean, "latents": torch.cat(z, dim=1)}
