"""Measures of a model on held-out images, written to the folder of its results."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from seatbelt_vae.config import EvaluationConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.data.dataset import Indices
from seatbelt_vae.evaluation.measure_input import MeasureInput
from seatbelt_vae.evaluation.measures import LATENT, MODEL_MEASURES, capabilities
from seatbelt_vae.evaluation.measures.declaration import ModelMeasure
from seatbelt_vae.evaluation.traversals import traverse
from seatbelt_vae.parallel.sole_worker import sole_worker
from seatbelt_vae.randomness import DataStream
from seatbelt_vae.runs import RunFolder, write_json, write_rows, write_settings, write_tensors
from seatbelt_vae.subjects import Subject, as_subject, model_before

__all__ = ["PICTURES", "evaluate", "evaluated_positions"]

Row = dict[str, Any]

PICTURES = 16
"""Test images stored with their reconstructions as pictures."""


def evaluate(
    subject: Subject | RunFolder,
    data: ImageData,
    settings: EvaluationConfig | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    r"""Measure a subject's model and write ``evaluation/`` in its folder, ``config.toml`` last.

    ``measures.json`` holds every `ModelMeasure` that the model meets the needs of, on
    ``settings.images`` test images; optional ones only if ``settings.optional_metrics`` names them.
    ``left_out`` lists the unmet needs of the others. A measure with rows writes a Parquet file,
    such as ``units.parquet``. ``pictures.safetensors`` holds images, reconstructions and
    traversals, see `traversals`.

    Args:
        subject: the model, and the folder of its results.
        data: the data set it is judged on.
        settings: sizes, seed, batch (default: those of `EvaluationConfig`).
        on_progress: called with the stage, the work done, and the work in all.

    Returns:
        The content of ``measures.json``.

    Raises:
        ArtifactError: the run has no model, the folder cannot be written, or another process
            evaluates the same subject.
        DataError, ConfigError: the data set does not fit an optional measure, or a model in place
            of a subject; nothing is written.
    """
    settings, subject = settings or EvaluationConfig(), as_subject(subject)
    wanted = settings.optional_metrics
    chosen = [m for m in MODEL_MEASURES.values() if not m.optional or m.name in wanted]
    for measure in chosen:
        if measure.check is not None:
            measure.check(data, settings)
    with sole_worker(subject.place, "evaluating"):
        return _evaluate(subject, subject.images(data), settings, chosen, on_progress)


def evaluated_positions(data: ImageData, settings: EvaluationConfig) -> Indices:
    """The test images of an evaluation, the same for every model."""
    order = DataStream.EVALUATED_IMAGES.generator(settings.seed).permutation(len(data.test))
    return order[: settings.images]


def _evaluate(
    subject: Subject,
    data: ImageData,
    settings: EvaluationConfig,
    chosen: list[ModelMeasure],
    on_progress: Callable[[str, int, int], None] | None,
) -> dict[str, Any]:
    model = subject.for_inference
    positions = evaluated_positions(data, settings)
    known = subject.trained_as, partial(model_before, subject)
    evaluated = MeasureInput(model, data, positions, settings, on_progress, *known)
    measures, rows = _measure(evaluated, chosen)
    _write(evaluated, subject.place / "evaluation", measures, rows)
    return measures


def _write(evaluated: MeasureInput, place: Path, measures: Row, rows: dict[str, list[Row]]) -> None:
    """Replace the files of an evaluation.

    Settings and measures are deleted first, so that they never describe rows of another evaluation.
    """
    tables = [m.table.view for m in MODEL_MEASURES.values() if m.table is not None]
    for name in ("config.toml", "measures.json", *(f"{name}.parquet" for name in tables)):
        (place / name).unlink(missing_ok=True)
    for name, content in rows.items():
        write_rows(place / f"{name}.parquet", content)
    about = {"images": evaluated.data.identity}
    write_tensors(place / "pictures.safetensors", _pictures(evaluated), about)
    write_json(place / "measures.json", measures)
    write_settings(place / "config.toml", evaluated.settings)


def _measure(
    evaluated: MeasureInput, chosen: list[ModelMeasure]
) -> tuple[Row, dict[str, list[Row]]]:
    """The content of ``measures.json``, and the rows of each table."""
    measures: Row = {"images": len(evaluated.x)}
    rows: dict[str, list[Row]] = {}
    left_out = {}
    for measure in chosen:
        if unmet := measure.unmet(evaluated.model):
            left_out[measure.name] = unmet
            continue
        found = measure.found(evaluated)
        measures |= found.values
        if measure.table is not None:
            rows[measure.table.view] = found.rows
    return measures | ({"left_out": left_out} if left_out else {}), rows


def _pictures(evaluated: MeasureInput) -> dict[str, Tensor]:
    x = evaluated.x
    pictures = {"x": x[:PICTURES], "reconstruction": evaluated.reconstruction[:PICTURES]}
    if capabilities(evaluated.model) >= LATENT:
        units, count = evaluated.held_out.unit_means, evaluated.settings.traversals
        pictures |= traverse(evaluated.model, x[:count], units).tensors()
    return pictures
