"""Three probes of a model: two classifiers of its reconstructions, one of its latents."""

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

__all__ = ["PROBES", "Probes", "probe_inputs"]

PROBES: dict[str, tuple[Callable[..., nn.Module], str]] = {
    "mlp-reconstruction": (mlp, "reconstruction"),
    "conv-reconstruction": (convolutional, "reconstruction"),
    "mlp-latents": (mlp, "latents"),
}
"""The network and the input of each probe, by name."""


@dataclass(frozen=True)
class Probes:
    r"""A model and classifiers of its reconstructions and latents.

    Their inputs are on the mean path, which is deterministic and which attacks use: the
    reconstruction is the decoder's mean image, the latents are the concatenated posterior means
    :math:`z^1, \dots, z^L`.

    Args:
        model: the autoencoder, in evaluation mode.
        classifiers: by the names of `PROBES`.
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
    ) -> "Probes":
        """Train all probes on the same images.

        Args:
            model: the autoencoder, in evaluation mode.
            images: the training images, in batches :math:`(B, C, H, W)`.
            labels: the class of every image, :math:`(N)`.
            classes: number of classes.
            seed: seed of the weights and of the order.
            batch: images encoded at once by `predict`.
        """
        parts = [probe_inputs(model, x) for x in images]
        views = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        trained = {
            name: train_classifier(build, views[view], labels, classes, seed=seed)
            for name, (build, view) in PROBES.items()
        }
        return cls(model, trained, batch)

    def predict(self, x: Tensor) -> dict[str, list[int]]:
        """The class of every image :math:`(B, C, H, W)` by each probe."""
        found: dict[str, list[int]] = {name: [] for name in self.classifiers}
        for part in x.split(self.batch):
            views = probe_inputs(self.model, part)
            for name, classifier in self.classifiers.items():
                found[name] += classifier.predict(views[PROBES[name][1]]).tolist()
        return found


@torch.no_grad()
def probe_inputs(model: Autoencoder, x: Tensor) -> dict[str, Tensor]:
    """The ``reconstruction`` and the ``latents`` of images on the mean path."""
    z = model.encode(x).z
    return {"reconstruction": model.decode(z).mean, "latents": torch.cat(z, dim=1)}
