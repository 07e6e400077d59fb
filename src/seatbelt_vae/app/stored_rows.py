"""Attacks that a folder stores, shown without attacking, and without the model if it is missing."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seatbelt_vae.app.app_subject import AppSubject
from seatbelt_vae.app.limits import LIMITS
from seatbelt_vae.app.panel import Block, Step, rendered
from seatbelt_vae.app.pictures import distortion_uri, picture_uri
from seatbelt_vae.config.checks import one_of
from seatbelt_vae.errors import ArtifactError, ConfigError, SeatbeltError
from seatbelt_vae.evaluation.gap import reconstruct
from seatbelt_vae.protocol import Bounds
from seatbelt_vae.report.collect import Run, Suite
from seatbelt_vae.report.suite_charts import attack_curve, budget_curve
from seatbelt_vae.runs.checked_files import Row, checked_tensors
from seatbelt_vae.runs.suites import suite_file

__all__ = ["ROWS", "Shown", "StoredRun", "stored_run"]

ROWS = ("attacks", "matched budgets")
"""The kinds of stored rows: one per level of the attack, or one per budget of its measures."""


@dataclass(frozen=True)
class Shown:
    """The panel of a pair, the labels of its levels, and the level shown first."""

    panel: str
    name: str
    labels: list[str]
    start: int


@dataclass(frozen=True)
class StoredRun:
    """A folder with suites of attacks.

    Args:
        run: the folder.
        suites: its suites with stored pairs, by name.
        subject: its model; None if it cannot be opened.
    """

    run: Run
    suites: dict[str, Suite]
    subject: AppSubject | None = None

    def pairs(self, suite: str) -> list[int]:
        """Numbers of the stored pairs of a suite."""
        one_of("suite", suite, self.suites)
        found = sorted({int(row["pair"]) for row in self.suites[suite].attacks})
        return found[: LIMITS.stored_pairs]

    def rows(self, suite: str) -> tuple[str, ...]:
        """The kinds of rows that a suite has."""
        one_of("suite", suite, self.suites)
        return ROWS if self.suites[suite].measured is not None else ROWS[:1]

    def shown(self, suite: str, pair: int, kind: str) -> Shown:
        """One pair at all its levels.

        Raises:
            ConfigError: no such suite, pair or kind of rows.
            ArtifactError: damaged files.
        """
        one_of("kind of rows", kind, self.rows(suite))
        if pair not in self.pairs(suite):
            raise ConfigError(f"no pair {pair} is stored in suite {suite}: choose another")
        found = self.suites[suite]
        if kind == ROWS[0]:
            return self._attacks(found, pair)
        return self._budgets(found, pair)

    def _attacks(self, suite: Suite, pair: int) -> Shown:
        rows = sorted(
            (row for row in suite.attacks if row["pair"] == pair), key=lambda row: row["level"]
        )
        path = suite.folder / f"pair-{pair:05d}.safetensors"
        images = checked_tensors(path, ["x", "target", "adversarial"])
        if len(images["adversarial"]) != len(rows) or images["x"].ndim != 3:
            raise ArtifactError(
                f"{path} holds no picture per row: attack again, or take a suite of images"
            )
        kept = _spread(len(rows))
        rows, stars = [rows[k] for k in kept], images["adversarial"][kept]
        rebuilt = [None] * (len(rows) + 1)
        if self.subject is not None:
            inputs = torch.cat([images["x"][None], stars])
            rebuilt = list(reconstruct(self.subject.model, inputs).cpu())
        budgets = suite.config.within_budget
        letter = "ε" if budgets else "λ"
        words = [(_left(row), _detail(row)) for row in rows]
        curve = (
            attack_curve([self.run], suite.name),
            "Objective",
            "Mean over the pairs of the suite.",
        )
        panel = self._panel(images, stars, rebuilt, words, curve)
        name = "Budget ε" if budgets else "Weight λ, in units of r₀ / ‖xₜ − x‖"
        labels = [f"{letter} = {row['level_relative']:.3g}" for row in rows]
        return Shown(panel, name, labels, len(rows) // 2)

    def _budgets(self, suite: Suite, pair: int) -> Shown:
        measured = suite.measured
        assert measured is not None
        numbers = [int(row["pair"]) for row in measured.pairs]
        place = numbers.index(pair) if pair in numbers else -1
        if not 0 <= place < len(measured.pictures["x"]):
            raise ConfigError(f"no pictures of pair {pair} are stored: choose an earlier pair")
        rows = sorted(
            (row for row in measured.budgets if row["pair"] == pair), key=lambda row: row["epsilon"]
        )
        images = {name: found[place] for name, found in measured.pictures.items()}
        rebuilt = [images["reconstruction_x"], *images["reconstruction"]]
        words = [(_way(row), _detail(row)) for row in rows]
        about = "Mean over the pairs of the suite; dashed: a plain blend of input and target."
        curve = budget_curve([self.run], suite.name), "Gap within a budget", about
        panel = self._panel(images, images["adversarial"], rebuilt, words, curve)
        return Shown(panel, "Budget ε", [f"ε = {row['epsilon']:g}" for row in rows], len(rows) // 2)

    def _panel(
        self,
        images: dict[str, Tensor],
        stars: Tensor,
        rebuilt: Sequence[Tensor | None],
        words: Sequence[tuple[tuple[str, str], str]],
        curve: tuple[str | None, str, str],
    ) -> str:
        shares = self._shares(images)
        x = shares(images["x"])
        moved = [shares(star) - x for star in stars]
        scales = [max(1e-9, float(distortion.mean(0).abs().max())) for distortion in moved]
        pictures = ["" if image is None else picture_uri(shares(image)) for image in rebuilt]
        steps = [
            Step(
                distortion_uri(distortion, scale),
                picture_uri(x + distortion),
                picture,
                *finding,
                detail,
            )
            for distortion, scale, picture, (finding, detail) in zip(
                moved, scales, pictures[1:], words, strict=True
            )
        ]
        target = picture_uri(shares(images["target"]))
        block = Block(self.run.name, picture_uri(x), pictures[0], target, steps)
        drawing, title, about = curve
        return rendered([block], drawing or "", scales, title, about)

    def _shares(self, images: dict[str, Tensor]) -> Callable[[Tensor], Tensor]:
        """Maps images to shares of black to white; without known bounds, by the pair's range."""
        if self.subject is not None:
            return self.subject.to_shares
        bounds = Bounds.around(images["x"], images["target"])
        stated: Any = None
        with suppress(SeatbeltError):  # a folder of attacks alone
            stated = (self.run.architecture or {}).get("bounds")
        if stated is not None:
            bounds = Bounds(*(torch.as_tensor(bound, dtype=torch.float64) for bound in stated))
        low, high = (torch.as_tensor(bound).double() for bound in bounds)
        return lambda image: ((image.double() - low) / (high - low)).clamp(0, 1)


def stored_run(path: Path, subject: AppSubject | None = None) -> StoredRun | None:
    """The suites in a run folder, a folder of results, its ``attacks``, or one suite; or None.

    Args:
        path: the folder.
        subject: its model, if it was opened.
    """
    folder, only = path, None
    if suite_file(path).exists():
        folder, only = path.resolve().parent.parent, path.resolve().name
    elif path.name == "attacks":
        folder = path.resolve().parent
    run = Run(folder.resolve().name, folder)
    suites = {
        name: suite
        for name, suite in run.suites.items()
        if only in (None, name) and any(suite.folder.glob("pair-*.parquet"))
    }
    return StoredRun(run, suites, subject) if suites else None


def _spread(count: int) -> list[int]:
    """Positions of at most `Limits.stored_levels` levels, evenly spread, with both ends."""
    most = min(count, LIMITS.stored_levels)
    return [int(place) for place in np.unique(np.linspace(0, count - 1, most).round())]


def _left(row: Row) -> tuple[str, str]:
    ratio = row["divergence_ratio"]
    if ratio is None:
        return f"{row['divergence']:.3g}", "loss r at x*"
    return f"{100 * ratio:.0f} %", "of the loss is left"


def _way(row: Row) -> tuple[str, str]:
    if not row["told_apart"] or row["gap"] is None:
        return "–", "gap undefined: the model reconstructs both images alike"
    return f"{100 * (1 - row['gap']):.0f} %", "of the way to the target"


def _detail(row: Row) -> str:
    return f"‖d‖ {100 * row['distance_relative']:.3g} % of ‖xₜ − x‖"
