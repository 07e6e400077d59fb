"""Opens run folders as subjects."""

from dataclasses import asdict
from pathlib import Path

from seatbelt_vae.data import ImageData
from seatbelt_vae.models import load_model
from seatbelt_vae.runs import RunFolder, digest_of
from seatbelt_vae.subjects.subject import Subject

__all__ = ["open_target", "recognises", "subject_of_run"]


def recognises(target: str) -> bool:
    """Whether a target is a run folder."""
    return (Path(target) / "run.json").exists()


def subject_of_run(run: RunFolder) -> Subject:
    """The trained model of a run, with results in the run folder.

    Raises:
        ArtifactError: the run has no trained model.
    """
    model = load_model(run)
    # what other networks alone have is None; left out, the digests of older suites stay
    has = {name: value for name, value in asdict(model.architecture).items() if value is not None}
    return Subject(
        model=model,
        name=run.path.resolve().name,
        kind="run",
        source=str(run.path),
        digest=digest_of(has, model.state_dict()),
        data=run.config.data,
        folder=run.path,
        trained_here=True,
    )


def open_target(target: str, data: ImageData | None = None) -> Subject:
    """The subject of a run folder; ``data`` is not needed."""
    del data
    return subject_of_run(RunFolder.open(Path(target)))
