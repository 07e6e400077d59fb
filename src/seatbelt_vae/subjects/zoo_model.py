"""Opens the models of the zoo as subjects."""

from dataclasses import replace

from seatbelt_vae.data import ImageData
from seatbelt_vae.runs.zoo_folder import ZOO, is_in_zoo, zoo_run
from seatbelt_vae.subjects.run_subject import subject_of_run
from seatbelt_vae.subjects.subject import Subject

__all__ = ["open_target", "recognises"]


def recognises(target: str) -> bool:
    """Whether a target names a model of the zoo."""
    return is_in_zoo(target)


def open_target(target: str, data: ImageData | None = None) -> Subject:
    """The subject of a model of the zoo, without a folder of results; ``data`` is not needed.

    Raises:
        ConfigError: the zoo has no model of that name.
    """
    del data
    subject = subject_of_run(zoo_run(target))
    return replace(
        subject,
        kind="zoo",
        source=f"{ZOO}{subject.name}",
        folder=None,
        trained_here=False,
        trained_on=None if subject.data is None else subject.data.name,
    )
