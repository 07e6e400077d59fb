"""The handlers of the page: from values of its controls to values of its components."""

import base64
import binascii
import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from seatbelt_vae.app.app_subject import AppSubject
from seatbelt_vae.app.attack_job import AttackJob
from seatbelt_vae.app.case_file import case_command, case_file
from seatbelt_vae.app.choices import attack_config
from seatbelt_vae.app.limits import Limits
from seatbelt_vae.app.panel import AttackedPanel, clean_panel
from seatbelt_vae.app.sentences import sentence_of
from seatbelt_vae.app.sessions import Sessions, progress_of
from seatbelt_vae.app.uploads import checked_picture
from seatbelt_vae.config.checks import one_of
from seatbelt_vae.errors import ConfigError, DataError, SeatbeltError
from seatbelt_vae.protocol import Bounds

__all__ = ["NO_OTHER", "AttackView", "Live"]

logger = logging.getLogger(__name__)

NO_OTHER = "none"
_DOWNLOAD = "seatbelt-case.zip"


@dataclass(frozen=True)
class AttackView:
    """What the page shows of an attack.

    Args:
        panel: HTML of the panel; None leaves it.
        notice: a sentence, or nothing.
        case: token of the download; None without one.
        command: the command that repeats the download.
        running: whether the attack can be stopped.
    """

    panel: str | None
    notice: str = ""
    case: str | None = None
    command: str = ""
    running: bool = False


@dataclass
class Live:
    """Attacks on the subjects of a page.

    Args:
        subjects: by name.
        limits: the limits of the page.
        threads: CPU threads of each attack.
        sessions: the running attacks.
        cases: downloads by token, the oldest first.
        drawing: bounds the pictures that are read or reconstructed at once.
    """

    subjects: dict[str, AppSubject]
    limits: Limits
    threads: int | None = None
    sessions: Sessions = field(init=False)
    cases: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    drawing: threading.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.limits)
        self.drawing = threading.Semaphore(self.limits.drawn_at_once)

    def example(self, name: str, index: int) -> Tensor:
        """A picture of a subject's examples, as shares of black to white.

        Raises:
            ConfigError: there is no such example.
        """
        examples = self._subject(name).examples
        if not 0 <= index < len(examples):
            raise ConfigError(f"no example {index + 1}, expected 1…{len(examples)}")
        return examples[index]

    def uploaded(self, name: str, sent: dict[str, Any]) -> tuple[Tensor, str]:
        """An uploaded picture as shares, and notes on how it was read.

        Args:
            name: the subject whose inputs it is fitted to.
            sent: ``content`` in base 64, or ``bytes``, the size of a file that was not sent.

        Raises:
            DataError: see `checked_picture`.
        """
        try:
            content = base64.b64decode(str(sent.get("content", "")), validate=True)
        except (binascii.Error, ValueError):
            raise DataError("the picture arrived damaged: upload it again") from None
        size = sent.get("bytes")
        if isinstance(size, int) and size > self.limits.picture_bytes:
            content = bytes(self.limits.picture_bytes + 1)
        shape = self._subject(name).event_shape
        with self.drawing:
            share, notes = checked_picture(content, shape, Bounds(0.0, 1.0), self.limits)
        return share, "; ".join(notes)

    def clean(self, names: Sequence[str], x: Tensor | None, target: Tensor | None) -> str:
        """The panel of a pair that is not attacked yet; empty without both pictures."""
        if x is None or target is None:
            return ""
        subjects = [self._subject(name) for name in names]
        with self.drawing:
            return clean_panel([s for s in subjects if s.event_shape == tuple(x.shape)], x, target)

    def attack(
        self,
        session: str,
        names: Sequence[str],
        x: Tensor | None,
        target: Tensor | None,
        settings: dict[str, Any],
    ) -> Iterator[AttackView]:
        """Attack subjects on a pair; what is known so far, again and again.

        Args:
            session: the user.
            names: one or two subjects.
            x, target: the pair, as shares.
            settings: the arguments of `attack_config`.
        """
        changed = threading.Event()
        try:
            jobs = self._jobs(names, x, target, settings, changed)
            panel = AttackedPanel(jobs)
            for before in progress_of(self.sessions, session, jobs, changed):
                if before:
                    many = f"{before} attack{'s' * (before > 1)}"
                    yield AttackView(None, f"Waiting: {many} before yours.", running=True)
                else:
                    yield AttackView(panel.html(), running=True)
            yield self._finished(jobs, panel.html(final=True))
        except SeatbeltError as error:
            yield AttackView(None, sentence_of(error))
        except Exception as error:
            logger.exception("an attack failed")
            yield AttackView(None, sentence_of(error))

    def _finished(self, jobs: Sequence[AttackJob], panel: str) -> AttackView:
        if any(job.state.outcome is None for job in jobs):
            return AttackView(panel)
        token = secrets.token_urlsafe(16)
        self.cases[token] = case_file(jobs, _DOWNLOAD)
        while len(self.cases) > self.limits.cases:
            self.cases.popitem(last=False)
        return AttackView(panel, case=token, command=case_command(jobs, _DOWNLOAD))

    def _jobs(
        self,
        names: Sequence[str],
        x: Tensor | None,
        target: Tensor | None,
        settings: dict[str, Any],
        changed: threading.Event,
    ) -> list[AttackJob]:
        subjects = [self._subject(name) for name in names]
        if len(set(names)) < len(names):
            raise ConfigError(f"{names[0]} stands beside itself: choose two different models")
        if x is None or target is None:
            missing = "input" if x is None else "target"
            raise ConfigError(f"no {missing} is chosen: choose a picture, or upload one")
        if x.shape == target.shape and bool((x == target).all()):
            raise ConfigError("input and target are the same picture: choose another target")
        for subject in subjects:
            if not tuple(x.shape) == tuple(target.shape) == subject.event_shape:
                raise ConfigError(
                    f"the pictures have shape {tuple(x.shape)}, {subject.name} takes "
                    f"{subject.event_shape}: choose models of one shape"
                )
        config = attack_config(**settings, threads=self.threads)
        return [
            AttackJob(subject, x, target, config, self.limits.seconds, changed)
            for subject in subjects
        ]

    def _subject(self, name: str) -> AppSubject:
        one_of("model", name, self.subjects)
        return self.subjects[name]
