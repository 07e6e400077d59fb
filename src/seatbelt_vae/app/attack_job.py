"""One attack on one subject, seen through frames while it runs."""

import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from seatbelt_vae.app.app_subject import AppSubject
from seatbelt_vae.app.best_known import BestKnown, Frame
from seatbelt_vae.app.sentences import sentence_of
from seatbelt_vae.app.watched_loss import WatchedLoss
from seatbelt_vae.attacks.attack_rows import row_identity
from seatbelt_vae.attacks.diagnostics import checked_attack
from seatbelt_vae.attacks.losses import loss_of
from seatbelt_vae.attacks.prepare import prepare_model
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.evaluation.gap import Pair, reconstruct

__all__ = ["AttackJob", "JobState", "Outcome"]

logger = logging.getLogger(__name__)

_FRAME_SECONDS = 0.4
_LOCK_SECONDS = 0.2


class _EndedError(Exception):
    """The attack was stopped, or its time is over."""


@dataclass(frozen=True)
class Outcome:
    """A finished attack.

    Args:
        rows: one row per budget, see ``docs/rows.md``.
        flags: name and detail of each raised flag.
        checks: number of flags that were computed.
        adversarial, reconstruction: x* and rec(x*) per budget, :math:`(W, *)`.
    """

    rows: list[dict[str, Any]]
    flags: list[tuple[str, str]]
    checks: int
    adversarial: Tensor
    reconstruction: Tensor


@dataclass(frozen=True)
class JobState:
    """What is known of an attack.

    Args:
        pair: the pair and its clean reconstructions; None until the attack begins.
        frame: the best distortions known; None until the first evaluation.
        outcome: the result; None until it is finished.
        problem: why there is no result, in a sentence.
        running: whether the attack has not ended.
    """

    pair: Pair | None = None
    frame: Frame | None = None
    outcome: Outcome | None = None
    problem: str = ""
    running: bool = True


class AttackJob:
    """An attack of one subject on one pair.

    Args:
        subject: the subject.
        x, target: the pair, as shares of black to white.
        config: the settings; the threat is a budget.
        seconds: the time limit of the attack.
        changed: set whenever there is a new frame, and at the end.

    Attributes:
        state: what is known; replaced as a whole, so that it can be read while the attack runs.
    """

    def __init__(
        self,
        subject: AppSubject,
        x: Tensor,
        target: Tensor,
        config: AttackConfig,
        seconds: float,
        changed: threading.Event,
    ) -> None:
        self.subject, self.config = subject, config
        self.x, self.target = (subject.from_shares(share) for share in (x, target))
        self.state = JobState()
        self._seconds, self._changed = seconds, changed
        self._stopped, self._deadline, self._next_frame = threading.Event(), float("inf"), 0.0
        self._best: BestKnown | None = None

    def start(self) -> None:
        """Run in a thread."""
        threading.Thread(target=self.run, daemon=True).start()

    def stop(self) -> None:
        """End the attack before its next evaluation."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def run(self) -> None:
        """Attack; what happens is in the state."""
        problem = ""
        try:
            while not self.subject.lock.acquire(timeout=_LOCK_SECONDS):
                self._check()
            try:
                self._deadline = time.monotonic() + self._seconds
                self._attack()
            finally:
                self.subject.lock.release()
        except _EndedError as error:
            problem = str(error)
        except SeatbeltError as error:
            problem = sentence_of(error)
        except Exception as error:
            logger.exception("an attack on %s failed", self.subject.name)
            problem = sentence_of(error)
        finally:
            self._update(problem=problem, running=False)

    def before(self, rows: int) -> None:
        """Count the evaluations to come; end the attack if it was stopped or its time is over."""
        self._check()
        if self._best is not None:
            self._best.evaluations += rows

    def after(self, images: Tensor, values: Tensor) -> None:
        """Keep better points, and make a frame if the last one is old."""
        if self._best is None:
            return
        self._best.record(images, values)
        if time.monotonic() >= self._next_frame:
            self._update(frame=self._best.frame(self._rebuilt))
            self._next_frame = time.monotonic() + _FRAME_SECONDS

    def _check(self) -> None:
        if self._stopped.is_set():
            raise _EndedError("Stopped: these are the best distortions until then.")
        if time.monotonic() > self._deadline:
            raise _EndedError(
                f"The time limit of {self._seconds:g} s is over: these are the best distortions "
                f"until then. Fewer budgets or strength single take less time."
            )

    def _attack(self) -> None:
        model = self.subject.model
        self._update(pair=Pair.of(model, self.x, self.target))
        attacked = prepare_model(model)
        self._best = BestKnown.of(attacked, self.x, self.target, self.config)
        loss = loss_of(self.config, len(attacked.latent_sizes))
        watched = WatchedLoss(
            path=loss.path, draws=loss.draws, loss=loss, watch=self, kind=type(attacked)
        )
        sides = self.x[None], self.target[None]
        found = checked_attack(model, *sides, self.config, loss=watched, pair_numbers=[0])
        self._best.take(found.result.adversarial[0], found.result.divergence[0])
        frame, flags = self._best.frame(self._rebuilt), found.flags
        outcome = Outcome(
            rows=found.rows(0, row_identity(self.config, 0)),
            flags=[(flag.name, flag.detail) for flag in flags if flag.raised],
            checks=len(flags),
            adversarial=found.result.adversarial[0].detach().float().cpu(),
            reconstruction=frame.reconstructions,
        )
        self._update(frame=frame, outcome=outcome)

    def _update(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)
        self._changed.set()

    def _rebuilt(self, points: Tensor) -> Tensor:
        with torch.no_grad():
            return reconstruct(self.subject.model, points).float().cpu()
