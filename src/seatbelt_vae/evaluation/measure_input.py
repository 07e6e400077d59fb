"""A model with its test data, and intermediate results that measures share."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seatbelt_vae.config import EvaluationConfig, RunConfig, resolve_objective
from seatbelt_vae.data import ImageData
from seatbelt_vae.evaluation.aggregate_measures import measure_aggregate
from seatbelt_vae.evaluation.gap import reconstruct
from seatbelt_vae.evaluation.likelihood import HeldOut, measure_images
from seatbelt_vae.evaluation.measures import LATENT, capabilities
from seatbelt_vae.protocol import Autoencoder

__all__ = ["MeasureInput"]

Progress = Callable[[str, int, int], None]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class MeasureInput:
    """The argument of a `ModelMeasure`.

    Args:
        model: the autoencoder, in evaluation mode.
        data: the data set.
        positions: test images that are measured.
        settings: sizes, seed and batch.
        on_progress: called with the stage, the work done, and the work in all.
        trained_as: settings of the model's training; free bits are the floor of active units.
        before: returns the model before its encoder was hardened, or None.
    """

    model: Autoencoder
    data: ImageData
    positions: Indices
    settings: EvaluationConfig
    on_progress: Progress | None = None
    trained_as: RunConfig | None = None
    before: Callable[[], Autoencoder | None] = lambda: None

    @property
    def task(
        self,
    ) -> tuple[Autoencoder, ImageData, Indices, EvaluationConfig, Progress | None]:
        """All of it as positional arguments."""
        return self.model, self.data, self.positions, self.settings, self.on_progress

    @cached_property
    def x(self) -> Tensor:
        """The test images, :math:`(N, C, H, W)`."""
        return self.data.test.batch(self.positions)

    @cached_property
    def held_out(self) -> HeldOut:
        """Bounds, divergences and widths of the test images; needs posterior and prior."""
        report = self.on_progress
        found = measure_images(
            self.model,
            self.x,
            draws=self.settings.iwae_draws,
            seed=self.settings.seed,
            batch=self.settings.batch_size,
            on_progress=None if report is None else lambda *done: report("images", *done),
        )
        if self.trained_as is None:
            return found
        chosen, preset = self.trained_as.objective, self.trained_as.model.preset
        _, floor = resolve_objective(chosen, preset, len(self.model.latent_sizes))
        return replace(found, free_bits=floor, free_bits_group=chosen.free_bits_group)

    @cached_property
    def aggregate(self) -> dict[str, Any]:
        """Total correlation and mutual information of the top layer over training images."""
        return measure_aggregate(self.model, self.data.train, self.settings, self.on_progress)

    @cached_property
    def reconstruction(self) -> Tensor:
        """Clean reconstructions on the mean path, :math:`(N, C, H, W)`."""
        if capabilities(self.model) >= LATENT:
            return self.held_out.reconstruction
        return reconstruct(self.model, self.x, batch=self.settings.batch_size)
