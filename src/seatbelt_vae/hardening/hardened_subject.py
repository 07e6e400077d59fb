"""`defend`: harden the encoder of a subject, and store it as a subject of its own."""

import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from seatbelt_vae.config.hardening import HardeningConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.hardening.hardening_work import WORK, Hardened, HardeningWork, OnProgress
from seatbelt_vae.parallel.sole_worker import sole_worker
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.runs.contents import SUBJECT
from seatbelt_vae.subjects import Subject, as_subject

__all__ = ["defend", "duration_of"]


def defend(
    subject: Subject | RunFolder,
    data: ImageData,
    config: HardeningConfig | None = None,
    *,
    out: Path | str,
    on_progress: OnProgress = lambda *_: None,
    stop: Callable[[], bool] = lambda: False,
) -> Hardened | None:
    """Harden the encoder of a subject on its training images; the decoder keeps its weights.

    The new folder is a subject that `open_subject`, `attack`, `audit` and `report` take: a run
    folder for a run, else a folder of results that names the source and has the new weights. An
    interrupted hardening goes on at its last checkpoint, and on the CPU ends in the same weights,
    bit for bit. The model of the given subject is not changed.

    Args:
        subject: the subject or run; its networks stay in evaluation mode.
        data: its data set.
        config: objective, radius, steps.
        out: the new folder, or one with a hardening of the same subject and settings.
        on_progress: called after every step with the step, their number, and the terms of the loss.
        stop: called after every step; if it returns true, a checkpoint is written.

    Returns:
        The hardened subject, or None if it was stopped before the last step.

    Raises:
        ArtifactError: the folder holds something else, or cannot be written.
        ConfigError: no weights of the model belong to its encoder alone.
        DivergenceError: the loss is not finite.
        ForeignStateError: the folder holds a hardening of another model, images or settings.
    """
    config, folder = config or HardeningConfig(), Path(out)
    work = HardeningWork.of(as_subject(subject), data, config, folder)
    if _is_finished(folder):
        return work.finished()
    (folder / WORK).mkdir(parents=True, exist_ok=True)
    with sole_worker(folder / WORK, "hardening"):
        if not work.run(on_progress, stop):
            return None
        found = work.store()
    shutil.rmtree(folder / WORK)
    return found


def duration_of(subject: Subject, data: ImageData, config: HardeningConfig) -> float:
    """The seconds that a hardening would take here; nothing is written.

    Args:
        subject: a subject with a folder of results.
        data, config: as for `defend`.

    Raises:
        ConfigError: no weights of the model belong to its encoder alone.
    """
    images = subject.images(data)
    copied = replace(subject, model=deepcopy(subject.model))
    work = HardeningWork(copied, images, config, subject.place, {})
    return config.steps * work.hardener.seconds_per_step(work.first_batch)


def _is_finished(folder: Path) -> bool:
    """Whether a folder has all files of a hardened subject; the last one is written last."""
    return any((folder / name).exists() for name in (SUBJECT, "run.json"))
