"""Checks that a model is read as it was meant, on the images of the audit, before any attack."""

import numpy as np

from seatbelt_vae.auditing.audited_images import AuditedImages
from seatbelt_vae.runs.audit_document import Check
from seatbelt_vae.subjects import Subject
from seatbelt_vae.subjects.reading_checks import check_reading

__all__ = ["adapter_checks"]

_IMAGES, _FEWEST = 64, 8


def adapter_checks(subject: Subject, images: AuditedImages) -> list[Check]:
    """The checks of `check_reading`; none with fewer than eight images."""
    count = min(len(images.data.test), _IMAGES)
    if count < _FEWEST:
        return []
    found = check_reading(subject, images.data.test.batch(np.arange(count)))
    return [
        Check(each.name, each.value, each.limit, each.raised, each.problem, each.remedy)
        for each in found
    ]
