"""The attacks of all users: one at a time per user, a bounded number running and waiting."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from seatbelt_vae.app.attack_job import AttackJob
from seatbelt_vae.app.limits import LIMITS, Limits
from seatbelt_vae.errors import ConfigError

__all__ = ["Sessions", "progress_of"]

_CHECK_SECONDS = 1.0


class Sessions:
    """The jobs of each session, which is one tab of a browser, in the order of their requests.

    Args:
        limits: the numbers of running and waiting attacks.
    """

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self._jobs: dict[str, Sequence[AttackJob]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def registered(self, session: str, jobs: Sequence[AttackJob]) -> Iterator[None]:
        """Register the jobs of a session during the block, and stop them at its end.

        Raises:
            ConfigError: the session has an attack, or too many attacks wait.
        """
        with self._lock:
            if session in self._jobs:
                raise ConfigError("your attack is still running: stop it, or wait for its end")
            if len(self._jobs) >= self.limits.at_once + self.limits.waiting:
                raise ConfigError(
                    f"{self.limits.waiting} attacks wait already, and no more may: try again later"
                )
            self._jobs[session] = jobs
        try:
            yield
        finally:
            self.stop(session)
            with self._lock:
                del self._jobs[session]

    def before(self, session: str) -> int:
        """The number of attacks that must end before that of a session may begin."""
        with self._lock:
            return max(0, list(self._jobs).index(session) + 1 - self.limits.at_once)

    def stop(self, session: str) -> None:
        """Stop the jobs of a session, if any."""
        for job in self._jobs.get(session, ()):
            job.stop()


def progress_of(
    sessions: Sessions, session: str, jobs: Sequence[AttackJob], changed: threading.Event
) -> Iterator[int]:
    """Run jobs when it is their turn; yield after each change while one of them runs.

    The jobs are stopped if the iteration is left before its end.

    Args:
        sessions: those of the page.
        session: the user.
        jobs: the jobs, whose ``changed`` is this event.
        changed: the event.

    Yields:
        The number of attacks before; 0 once the jobs run.
    """
    with sessions.registered(session, jobs):
        while (before := sessions.before(session)) and not jobs[0].stopped:
            yield before
            changed.wait(_CHECK_SECONDS)
        for job in jobs:
            job.start()
        while any(job.state.running for job in jobs):
            yield 0
            changed.wait(_CHECK_SECONDS)
            changed.clear()
