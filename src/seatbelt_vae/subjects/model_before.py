"""The model of a hardened folder as it was before."""

from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.runs.checked_files import checked_table
from seatbelt_vae.runs.contents import HARDENED
from seatbelt_vae.subjects.open import open_subject
from seatbelt_vae.subjects.subject import Subject

__all__ = ["model_before"]


def model_before(subject: Subject) -> Autoencoder | None:
    """The model that the folder of a subject was hardened from.

    Returns:
        The model; None if the folder is not that of a hardened model, or if its source is gone or
        has other weights.
    """
    if subject.folder is None or not (subject.folder / HARDENED).exists():
        return None
    about = checked_table(subject.folder / HARDENED, ["identity", "source"])
    try:
        source = open_subject(about["source"])
    except SeatbeltError:
        return None
    return source.for_inference if source.digest == about["identity"]["model"] else None
