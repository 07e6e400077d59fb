"""The panel of the page: one row of pictures per subject, and its curves."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from seatbelt_vae.app.app_subject import AppSubject
from seatbelt_vae.app.attack_job import AttackJob, JobState
from seatbelt_vae.app.curves import budget_curve, convergence
from seatbelt_vae.app.pictures import distortion_uri, picture_uri
from seatbelt_vae.config.loss_files import declaration_of
from seatbelt_vae.evaluation.gap import Pair
from seatbelt_vae.report.templating import render_page

__all__ = ["AttackedPanel", "Block", "Step", "clean_panel", "rendered"]


_CURVES_EVERY = 4


@dataclass(frozen=True)
class Step:
    """The pictures of one budget, and their finding in words; empty pictures are left out."""

    distortion: str
    adversarial: str
    reconstruction: str
    share: str = ""
    words: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Block:
    """One subject: clean pictures, one step per budget, and the state of its attack."""

    name: str
    input: str
    reconstruction: str
    target: str
    steps: Sequence[Step]
    state: str = ""
    problem: str = ""
    flags: Sequence[tuple[str, str]] = ()
    curve: str = ""


def rendered(
    blocks: Sequence[Block],
    curve: str = "",
    scales: Sequence[float] = (),
    title: str = "Gap within a budget",
    about: str = "",
) -> str:
    """The HTML of a panel, with a common curve, its title, and a sentence about it."""
    content = {
        "blocks": blocks,
        "curve": curve,
        "scales": scales,
        "curve_title": title,
        "about_curve": about,
    }
    return render_page("panel.html", content, package="seatbelt_vae.app")


def clean_panel(subjects: Sequence[AppSubject], x: Tensor, target: Tensor) -> str:
    """The pair before an attack, with places for the pictures to come.

    Reconstructions are left out while an attack runs on the model.
    """
    blocks = []
    for subject in subjects:
        rebuilt = ""
        if subject.lock.acquire(blocking=False):
            try:
                pair = Pair.of(subject.model, *map(subject.from_shares, (x, target)))
            finally:
                subject.lock.release()
            rebuilt = picture_uri(subject.to_shares(pair.reconstruction))
        blocks.append(Block(subject.name, picture_uri(x), rebuilt, picture_uri(target), ()))
    return rendered(blocks)


class AttackedPanel:
    """The state of attacks on one pair, rendered again and again.

    All subjects share the colour scale of a budget. Curves take longer to draw than pictures, and
    are drawn again only as often as a fifth of the time allows.

    Args:
        jobs: the attacks.
    """

    def __init__(self, jobs: Sequence[AttackJob]) -> None:
        self._jobs = jobs
        self._curves: list[str] = [""] * (len(jobs) + 1)
        self._next = 0.0

    def html(self, *, final: bool = False) -> str:
        """The panel now; the final one has curves up to the end."""
        jobs, states = self._jobs, [job.state for job in self._jobs]
        if final or time.monotonic() >= self._next:
            begun = time.monotonic()
            self._curves = [convergence(jobs[k], state, k) for k, state in enumerate(states)]
            self._curves.append(budget_curve(jobs, states))
            self._next = time.monotonic() + _CURVES_EVERY * (time.monotonic() - begun)
        scales = _scales(jobs, states)
        *own, common = self._curves
        blocks = [_block(*found, scales) for found in zip(jobs, states, own, strict=True)]
        about = "0 is fooled, 1 is unmoved."
        if jobs[0].config.threat == "l2":
            about += " Grey: 1 − ε, a model that copies its input."
        return rendered(blocks, common, scales, about=about)


def _scales(jobs: Sequence[AttackJob], states: Sequence[JobState]) -> list[float]:
    """The largest distortion of each budget, mean over channels, in shares of black to white."""
    sizes = [
        [float((job.subject.to_shares(star) - base).mean(0).abs().max()) for star in frame.points]
        for job, state in zip(jobs, states, strict=True)
        if (frame := state.frame) is not None
        for base in [job.subject.to_shares(job.x)]
    ]
    return [max(*column, 1e-9) for column in zip(*sizes, strict=True)]


def _block(job: AttackJob, state: JobState, curve: str, scales: Sequence[float]) -> Block:
    shares, pair, frame = job.subject.to_shares, state.pair, state.frame
    steps = []
    if pair is not None and frame is not None:
        found = zip(frame.points, frame.reconstructions, scales, strict=True)
        for star, rebuilt, scale in found:
            finding = _finding(job, pair, star, rebuilt)
            distortion = distortion_uri(shares(star) - shares(job.x), scale)
            pictures = picture_uri(shares(star)), picture_uri(shares(rebuilt))
            steps.append(Step(distortion, *pictures, *finding))
    return Block(
        name=job.subject.name,
        input=picture_uri(shares(job.x)),
        reconstruction="" if pair is None else picture_uri(shares(pair.reconstruction)),
        target=picture_uri(shares(job.target)),
        steps=steps,
        state=_words(state),
        problem=state.problem,
        flags=[] if state.outcome is None else state.outcome.flags,
        curve=curve,
    )


def _finding(job: AttackJob, pair: Pair, star: Tensor, rebuilt: Tensor) -> tuple[str, str, str]:
    """A number, what it says, and smaller numbers."""
    distance = float(pair.norm(star - pair.x))
    relative = f"‖d‖ {100 * distance / pair.image_distance:.3g} % of ‖xₜ − x‖"
    if not declaration_of(job.config.loss).targeted:
        moved = float(pair.norm(rebuilt - pair.reconstruction))
        if distance == 0:
            return "0", "× the distortion: nothing moved yet", relative
        return f"{moved / distance:.2g} ×", "the distortion, in the reconstruction", relative
    if not pair.gap_is_defined:
        return "–", "gap undefined: the model reconstructs both images alike", relative
    gap = float(pair.gap(rebuilt))
    return f"{100 * (1 - gap):.0f} %", "of the way to the target", f"gap {gap:.2f}, {relative}"


def _words(state: JobState) -> str:
    if state.outcome is not None:
        clear = state.outcome.checks - len(state.outcome.flags)
        return f"{clear} of {state.outcome.checks} checks clear"
    if state.problem:
        return ""
    if state.frame is None:
        return "waits for another attack on this model"
    return f"{state.frame.evaluations:,} evaluations".replace(",", "\u202f")
