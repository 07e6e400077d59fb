"""Checks that a model is read as it was meant, on the images of the audit, before any attack."""

from seatbelt_vae.auditing.audited_images import AuditedImages
from seatbelt_vae.runs.audit_document import Check
from seatbelt_vae.subjects import Subject
from seatbelt_vae.subjects.reading_checks import check_reading, checked_images

__all__ = ["adapter_checks"]


def adapter_checks(subject: Subject, images: AuditedImages) -> list[Check]:
    """The findings of the subject, else those of `check_reading`; none with few images."""
    found = subject.findings
    if found is None:
        examples = checked_images(images.data)
        found = () if examples is None else check_reading(subject, examples)
    return [
        Check(each.name, each.value, each.limit, each.raised, each.problem, each.remedy)
        for each in found
    ]
