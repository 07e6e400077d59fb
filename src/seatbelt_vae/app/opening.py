"""Opens the targets of a page: subjects to attack, and folders with stored attacks."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from seatbelt_vae.app.app_subject import AppSubject, app_subject
from seatbelt_vae.app.events import Live
from seatbelt_vae.app.limits import Limits
from seatbelt_vae.app.stored_rows import StoredRun, stored_run
from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.subjects import Subject

__all__ = ["opened_page", "opened_targets"]

Opener = Callable[[str], tuple[Subject, ImageData | None]]


def opened_targets(
    targets: Sequence[str],
    opened: Opener,
    say: Callable[[str], object],
    options: Sequence[str] = (),
) -> tuple[dict[str, AppSubject], dict[str, StoredRun]]:
    """The subjects and the stored attacks of targets, each by a name that is unique.

    Args:
        targets: as for `open_subject`, or folders with stored attacks.
        opened: opens a subject and its data set; None for the faces of the package.
        say: gets one line per model that cannot be opened while its attacks can be shown.
        options: further words of the command that opens the targets.

    Raises:
        SeatbeltError: a target is neither.
    """
    subjects, stored = dict[str, AppSubject](), dict[str, StoredRun]()
    for target in targets:
        subject = None
        try:
            subject = app_subject(target, *opened(target), names=list(subjects), options=options)
            subjects[subject.name] = subject
            folder = subject.subject.folder
        except SeatbeltError as error:
            folder = Path(target)
            if stored_run(folder) is None:
                raise
            say(f"{target} cannot be attacked, its stored attacks are shown: {error}")
        found = None if folder is None else stored_run(folder, subject)
        if found is not None:
            stored[subject.name if subject else _unused(found.run.name, stored)] = found
    return subjects, stored


def opened_page(
    targets: Sequence[str],
    opened: Opener,
    limits: Limits,
    threads: int,
    host: str,
    say: Callable[[str], object],
    options: Sequence[str] = (),
) -> Any:
    """The application of the page for targets; see `opened_targets` and `application`."""
    from seatbelt_vae.app.server import LOOPBACK, application

    subjects, stored = opened_targets(targets, opened, say, options)
    if host not in LOOPBACK:
        say(f"everyone who reaches {host} can use the page, which has no password")
    live = Live(subjects, limits, threads) if subjects else None
    return application(live, stored, host)


def _unused(name: str, taken: dict[str, StoredRun]) -> str:
    count, found = 2, name
    while found in taken:
        found, count = f"{name} ({count})", count + 1
    return found
