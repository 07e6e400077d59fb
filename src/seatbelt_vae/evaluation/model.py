"""A trained model measured on held-out images, and what it makes of them, in its run folder."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seatbelt_vae.config import EvaluationConfig, resolve_objective
from seatbelt_vae.data import ImageData
from seatbelt_vae.evaluation.aggregate import measure_aggregate
from seatbelt_vae.evaluation.likelihood import HeldOut, measure_images
from seatbelt_vae.evaluation.optional_metrics import OPTIONAL_METRICS, check_optional_metrics
from seatbelt_vae.evaluation.reconstruction import intersection_over_union, unexplained_variance
from seatbelt_vae.evaluation.traversals import traverse
from seatbelt_vae.objectives.elbo import ACTIVE
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.randomness import DataStream
from seatbelt_vae.runs import RunFolder, write_json, write_rows, write_settings, write_tensors
from seatbelt_vae.subjects import Subject, as_subject

Indices = NDArray[np.int64]

__all__ = ["PICTURES", "evaluate"]

PICTURES = 16
"""Test images whose reconstructions are stored to be looked at."""

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def evaluate(
    subject: Subject | RunFolder,
    data: ImageData,
    settings: EvaluationConfig,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    r"""Measure a subject's model and write ``evaluation/`` in its folder, its `config.toml` last.

    ``measures.json`` holds, in nats per image, the β = 1 ELBO (no free bits), IWAE,
    :math:`E_q\log p(x|z)` and the divergence of each layer on ``settings.images`` test images;
    total correlation and mutual information of the top layer over the training split (bounds
    that coincide with one layer); ‖σ‖₂ and active units of each layer; unexplained variance and,
    for binary images, the overlap of shapes. ``units.parquet`` has a row a unit,
    ``sigma.parquet`` a row a test image, ``pictures.safetensors`` images, reconstructions and
    traversals (see `traversals`). Each of ``settings.optional_metrics`` has a file of rows of its
    own: ``denoising.parquet``, ``mig.parquet``, ``downstream.parquet``, ``codes.parquet``, and all
    but the last a summary in ``measures.json``.

    Args:
        subject: the model, and the folder of its results.
        data: the data set it is judged on.
        settings: sizes, seed, batch.
        on_progress: called with what is being measured, how much is done, and of how much.

    Returns:
        The content of ``measures.json``.

    Raises:
        ArtifactError: the run has no model, or the folder cannot be written.
        DataError, ConfigError: the data set lacks what ``settings.optional_metrics`` needs; nothing
            is written.
    """
    check_optional_metrics(data, settings)
    subject = as_subject(subject)
    model, data = subject.for_inference, subject.images(data)
    positions = _sample(len(data.test), settings.images, settings.seed)
    x = data.test.batch(positions)
    held_out = measure_images(
        model,
        x,
        draws=settings.iwae_draws,
        seed=settings.seed,
        batch=settings.batch_size,
        on_progress=None if on_progress is None else lambda *done: on_progress("images", *done),
    )
    if (trained := subject.trained_as) is not None:
        objective = trained.objective
        _, floor = resolve_objective(objective, trained.model.preset, len(model.latent_sizes))
        held_out = replace(held_out, free_bits=floor, free_bits_group=objective.free_bits_group)
    aggregate = measure_aggregate(model, data.train, settings, on_progress)
    measures = {**_measures(model, x, held_out, settings), **aggregate}
    rows = {"units": _unit_rows(held_out), "sigma": _sigma_rows(held_out, positions)}
    for name in dict.fromkeys(settings.optional_metrics):
        rows[name], found = OPTIONAL_METRICS[name](model, data, positions, settings, on_progress)
        measures |= found
    pictures = _pictures(model, x, held_out, settings)
    # an earlier evaluation stays whole for as long as this one can be interrupted in its work;
    # until all is written, its settings and its measures would be said of these rows
    place = subject.place / "evaluation"
    for name in ("config.toml", "measures.json", *(f"{name}.parquet" for name in OPTIONAL_METRICS)):
        (place / name).unlink(missing_ok=True)
    for name, content in rows.items():
        write_rows(place / f"{name}.parquet", content)
    write_tensors(place / "pictures.safetensors", pictures)
    write_json(place / "measures.json", measures)
    write_settings(place / "config.toml", settings)
    return measures


def _measures(
    model: Autoencoder, x: Tensor, found: HeldOut, settings: EvaluationConfig
) -> dict[str, Any]:
    quantiles = torch.tensor(_QUANTILES, dtype=found.sigma_norm.dtype)
    return {
        "images": len(x),
        "elbo": found.elbo.mean().item(),
        "iwae": found.iwae.mean().item(),
        "iwae_draws": settings.iwae_draws,
        "log_likelihood": found.log_likelihood.mean().item(),
        "divergences": found.divergences,
        "active_units": found.active_units,
        "active_threshold": ACTIVE + found.free_bits * (found.free_bits_group == "unit"),
        "sigma_norm": {
            "mean": found.sigma_norm.mean(0).tolist(),
            "quantile_levels": list(_QUANTILES),
            "quantiles": found.sigma_norm.quantile(quantiles, dim=0).tolist(),
        },
        "unexplained_variance": unexplained_variance(x, found.reconstruction),
        "iou": intersection_over_union(x, found.reconstruction, model.bounds),
    }


def _unit_rows(found: HeldOut) -> list[dict[str, Any]]:
    return [
        {"layer": layer, "unit": unit, "divergence": divergence, "active": active}
        for layer, (means, flags) in enumerate(
            zip(found.unit_means, found.active, strict=True), start=1
        )
        for unit, (divergence, active) in enumerate(zip(means.tolist(), flags, strict=True))
    ]


def _sigma_rows(found: HeldOut, positions: Indices) -> list[dict[str, Any]]:
    return [
        {"image": position, "sigma_norm": norms, "elbo": elbo}
        for position, norms, elbo in zip(
            positions.tolist(), found.sigma_norm.tolist(), found.elbo.tolist(), strict=True
        )
    ]


def _pictures(
    model: Autoencoder, x: Tensor, found: HeldOut, settings: EvaluationConfig
) -> dict[str, Tensor]:
    return {
        "x": x[:PICTURES],
        "reconstruction": found.reconstruction[:PICTURES],
        **traverse(model, x[: settings.traversals], found.unit_means).tensors(),
    }


def _sample(available: int, wanted: int, seed: int) -> Indices:
    """Positions of distinct images, the same for every model measured with this seed."""
    order: Indices = DataStream.EVALUATED_IMAGES.generator(seed).permutation(available)
    return order[:wanted]
