"""The margin of a user's classifier, attacked through the model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from seatbelt_vae.attacks.losses._bound import Loss, Parts
from seatbelt_vae.attacks.losses._paths import Walker, mean_over_draws
from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.protocol import Autoencoder, Noise, capabilities_of

__all__ = ["ClassifierMargin"]


@dataclass(frozen=True)
class ClassifierMargin(Loss):
    r"""Untargeted attack on a classifier: :math:`r = f_y(u^*) - \max_{j \neq y} f_j(u^*)`.

    u is the reconstruction, or the codes of all layers in one vector; y is the label of the clean
    u on the mean path. The label of :math:`x^*` differs where r < 0. In the units of the logits f,
    without a floor; the noisy paths average the margin over draws. r has a kink where the second
    label changes; its gradient is that of the label that is second.
    Source: Carlini and Wagner (2017), loss f₆, without a target.

    Args:
        classifier: maps reconstructions :math:`(B, *\text{event})`, or codes :math:`(B, \sum_i
            d_i)`, to logits :math:`(B, C)`, :math:`C \geq 2`; a module in evaluation mode.
        reads: input of the classifier.

    Raises:
        ConfigError: a classifier of codes for a model without codes.
        ShapeError: logits of another shape.

    Example:
        >>> weights = torch.randn(64, 10)
        >>> loss = ClassifierMargin(lambda images: images.flatten(1) @ weights)
    """

    targeted: ClassVar = False

    classifier: Callable[[Tensor], Tensor]
    reads: Literal["reconstruction", "codes"] = "reconstruction"

    def parts(self, walker: Walker, x: Tensor, target: Tensor) -> Parts:
        """The margins of the clean labels as one part."""
        del target
        if self.reads == "codes" and not capabilities_of(walker.model).codes:
            raise ConfigError(
                "a classifier of codes for a model without codes: use reads='reconstruction'"
            )
        with torch.no_grad():
            labels = self.logits(walker.model, x).argmax(-1)

        def parts(inputs: Tensor, pairs: Tensor) -> Tensor:
            logits = self.logits(walker.model, inputs, walker.noise(pairs))
            index = labels[pairs].expand(logits.shape[:-1])[..., None]
            others = logits.scatter(-1, index, -torch.inf).amax(-1)
            return mean_over_draws(logits.gather(-1, index)[..., 0] - others)[:, None]

        return parts

    def logits(self, model: Autoencoder, x: Tensor, noise: Noise | None = None) -> Tensor:
        r"""The logits of inputs :math:`(B, *\text{event})` through the model, :math:`(*K, B, C)`.

        Raises:
            ShapeError: the classifier returned another shape.
        """
        z = model.encode(x, noise).z
        read = torch.cat(z, dim=-1) if self.reads == "codes" else model.decode(z).mean
        drawn = z[0].shape[:-1]
        logits = self.classifier(read.reshape(-1, *read.shape[len(drawn) :]))
        if logits.ndim != 2 or len(logits) != drawn.numel() or logits.shape[1] < 2:
            raise ShapeError(
                f"the classifier returned shape {tuple(logits.shape)} for {drawn.numel()} "
                f"{self.reads}, expected ({drawn.numel()}, classes) with two classes or more"
            )
        return logits.reshape(*drawn, -1)
