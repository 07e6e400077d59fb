"""What `evaluate` measures when it is asked to: each has rows of its own."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.config import EvaluationConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.evaluation.codes import check_columns, code_rows
from seatbelt_vae.evaluation.denoising import SIGMAS, denoising
from seatbelt_vae.evaluation.downstream import (
    choose_class_pairs,
    class_factor,
    measure_downstream,
)
from seatbelt_vae.evaluation.mig import check_factors, measure_mig
from seatbelt_vae.protocol import Autoencoder

__all__ = ["OPTIONAL_METRICS", "check_optional_metrics"]

Row = dict[str, Any]
Indices = NDArray[np.int64]
Progress = Callable[[str, int, int], None] | None
Measure = Callable[
    [Autoencoder, ImageData, Indices, EvaluationConfig, Progress], tuple[list[Row], Row]
]
"""Maps a model, its data, and test images to rows, and to what ``measures.json`` gains."""


def check_optional_metrics(data: ImageData, settings: EvaluationConfig) -> None:
    """Raise unless the set has what the measures asked for need, before any of them is begun.

    Raises:
        DataError: no known factors, or no two test images of different classes.
        ConfigError: which factor is the class is not said, or said of another set.
    """
    if "mig" in settings.optional_metrics:
        check_factors(data)
    if "codes" in settings.optional_metrics:
        check_columns(data)
    if "downstream" in settings.optional_metrics:
        column = class_factor(data, settings.downstream_factor)
        choose_class_pairs(data, column, 1, settings.seed)


def _denoising(
    model: Autoencoder,
    data: ImageData,
    positions: Indices,
    settings: EvaluationConfig,
    _on_progress: Progress,
) -> tuple[list[Row], Row]:
    """Under the paper's levels of noise, and without any; one draw an image, as the paper's."""
    found = denoising(
        model,
        data.test.batch(positions),
        (0.0, *SIGMAS),
        seed=settings.seed,
        batch=settings.batch_size,
    )
    levels = list(zip(found.sigmas, found.log_likelihood.tolist(), strict=True))
    rows = [
        {"image": image, "sigma": sigma, "log_likelihood": value}
        for sigma, values in levels
        for image, value in zip(positions.tolist(), values, strict=True)
    ]
    means = found.mean.tolist()
    return rows, {
        "denoising": {f"{s:g}": mean for s, mean in zip(found.sigmas, means, strict=True)}
    }


def _mig(
    model: Autoencoder,
    data: ImageData,
    _positions: Indices,
    settings: EvaluationConfig,
    on_progress: Progress,
) -> tuple[list[Row], Row]:
    found = measure_mig(model, data, settings, on_progress)
    names = ("mig", "mig_lower", "mig_upper")
    measures: Row = {name: float(np.mean([getattr(gap, name) for gap in found])) for name in names}
    measures["mig_images"] = min(settings.mig_images or len(data.train), len(data.train))
    return [vars(gap) for gap in found], measures


def _downstream(*task: Any) -> tuple[list[Row], Row]:
    rows, summary = measure_downstream(*task)
    return rows, {"downstream": summary}


def _codes(*task: Any) -> tuple[list[Row], Row]:
    return code_rows(*task), {}


OPTIONAL_METRICS: dict[str, Measure] = {
    "denoising": _denoising,
    "mig": _mig,
    "downstream": _downstream,
    "codes": _codes,
}
"""By the names of the setting ``optional_metrics``, which are those of the files of rows."""
