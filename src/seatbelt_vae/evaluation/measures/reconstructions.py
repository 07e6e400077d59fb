"""Measures of clean reconstructions."""

from typing import TYPE_CHECKING

from seatbelt_vae.evaluation.measures.declaration import ModelMeasure

if TYPE_CHECKING:
    from seatbelt_vae.evaluation.measure_input import MeasureInput

__all__ = ["RECONSTRUCTIONS"]


def _overlap(evaluated: "MeasureInput") -> dict[str, float | None]:
    from seatbelt_vae.evaluation.reconstruction import intersection_over_union  # imports PyTorch

    bounds = evaluated.model.bounds
    return {"iou": intersection_over_union(evaluated.x, evaluated.reconstruction, bounds)}


def _unexplained(evaluated: "MeasureInput") -> float:
    from seatbelt_vae.evaluation.reconstruction import unexplained_variance  # imports PyTorch

    return unexplained_variance(evaluated.x, evaluated.reconstruction)


RECONSTRUCTIONS = (
    ModelMeasure(
        name="iou",
        symbol="IoU",
        better="↑",
        formula=r"\lvert x\cap\hat x\rvert/\lvert x\cup\hat x\rvert",
        definition="Overlap of shape and reconstructed shape (intersection over union), binary "
        "images.",
        compute=_overlap,
    ),
    ModelMeasure(
        name="unexplained_variance",
        symbol="unexplained variance",
        better="↓",
        formula=r"\sum_n\lVert x_n-\hat x_n\rVert^2/\sum_n\lVert x_n-\bar x\rVert^2",
        definition="Share of the test images' variance that reconstructions miss.",
        compute=_unexplained,
    ),
)
"""In the order of a report."""
