"""The results of an audit as ``model-index`` metadata of a model card."""

from collections.abc import Sequence

from huggingface_hub import EvalResult

from seatbelt_vae.runs.audit_document import Audit

__all__ = ["evaluations_of"]


def evaluations_of(audit: Audit) -> Sequence[EvalResult]:
    """One entry per metric with a value.

    Sites show these numbers without flags. So there are none if a check is raised, or a flag that
    withholds the verdict. The digest of the images is the revision of the data set: only numbers
    of the same images are comparable.
    """
    if not audit.believable:
        return []
    images = len(audit.target.event_shape) == 3
    return [
        EvalResult(
            task_type="image-to-image" if images else "other",
            task_name="reconstruction under attack",
            dataset_type=audit.data.name,
            dataset_name=audit.data.name,
            dataset_revision=audit.data.digest,
            metric_type=result.metric.partition("@")[0],
            metric_name=result.metric,
            metric_value=result.value,
            metric_args={"low": result.low, "high": result.high, "pairs": result.pairs},
        )
        for result in audit.results
        if result.value is not None
    ]
