"""The rows of an audited pair: the finds of every loss, and the worst case of each goal."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from seatbelt_vae.auditing.candidates import Candidates
from seatbelt_vae.auditing.goals import Goal, outputs
from seatbelt_vae.auditing.similarity import code_displacement, psnr, ssim
from seatbelt_vae.evaluation import tokens_changed
from seatbelt_vae.protocol import bounds_of, capabilities_of, event_shape_of
from seatbelt_vae.runs.json_files import finite

__all__ = ["AttackedPair"]

Row = dict[str, Any]


def _loss_rows(found: Candidates, pair: int, threat: str, budgets: tuple[float, ...]) -> list[Row]:
    """One row per budget and origin: its best value for each goal, from its own descents."""
    rows = []
    for level, budget in enumerate(budgets):
        of_row = (found.pair == pair) & (found.level == level)
        for origin in dict.fromkeys(found.origin):
            named = torch.tensor([name == origin for name in found.origin])
            chosen = of_row & named.to(of_row.device)
            if bool(chosen.any()):
                row = {"threat": threat, "epsilon": budget, "loss": origin}
                for goal in found.goals:
                    row[goal.name] = _best(found, goal, chosen, pair, level)
                rows.append(row)
    return rows


def _best(found: Candidates, goal: Goal, chosen: Tensor, pair: int, level: int) -> float:
    distances = found.distances[goal.name][chosen]
    unit = goal.unit(found.pairs, found.largest).expand_as(found.largest)[pair, level]
    return float((distances.min() if goal.lowers else distances.max()) / unit)


@dataclass
class AttackedPair:
    """The results of one pair.

    Args:
        images: clean images, and per threat the worst images of the headline goal by budget.
        rows: one row per threat, budget and origin.
        worst: one row per threat, budget and goal.
        checks: one row per threat.
    """

    images: dict[str, Tensor]
    rows: list[Row] = field(default_factory=list)
    worst: list[Row] = field(default_factory=list)
    checks: list[Row] = field(default_factory=list)

    def add(
        self,
        found: Candidates,
        pair: int,
        threat: str,
        budgets: tuple[float, ...],
        lines: dict[str, Tensor],
        checks: Row,
    ) -> None:
        """Add the results under one threat, with gaps of other models by column, :math:`(W)`."""
        self.rows += _loss_rows(found, pair, threat, budgets)
        self.worst += _worst_rows(found, pair, threat, budgets, lines)
        self.checks.append({"threat": threat, **checks})
        best = found.best(found.goals[0])[pair]
        clean = found.pairs
        self.images |= {
            "x": clean.x[pair],
            "target": clean.target[pair],
            "reconstruction_x": clean.reconstruction[pair],
            "reconstruction_target": clean.target_reconstruction[pair],
            f"{threat}_adversarial": found.images[best],
            f"{threat}_reconstruction": outputs(found.model, found.images[best])[1],
        }


def _worst_rows(
    found: Candidates,
    pair: int,
    threat: str,
    budgets: tuple[float, ...],
    lines: dict[str, Tensor],
) -> list[Row]:
    """The worst case of every goal within every budget of one pair, with its similarity."""
    rows = []
    for goal in found.goals:
        best = found.best(goal)
        columns = {
            "value": found.values(goal, best)[pair],
            "blend": _blend(found, goal)[pair],
            "identity": _identity(found, goal)[pair],
            **_similarity(found, pair, best[pair]),
            **(lines if goal.name == "gap" else {}),
        }
        for level, budget in enumerate(budgets):
            rows.append(
                {
                    "threat": threat,
                    "epsilon": budget,
                    "goal": goal.name,
                    "loss": found.credited(goal, pair, int(best[pair, level]), level),
                    **{name: finite(column[level].item()) for name, column in columns.items()},
                    "told_apart": bool(found.pairs.told_apart[pair]),
                }
            )
    return rows


def _similarity(found: Candidates, pair: int, index: Tensor) -> dict[str, Tensor]:
    """Distances and similarities of images :math:`(W)` and their reconstructions."""
    clean, images = found.pairs, found.images[index]
    d = (images - clean.x[pair]).flatten(1).double()
    bounds = bounds_of(found.model)
    low, high = bounds.flat(event_shape_of(found.model)) if bounds.finite else (0.0, 1.0)
    x, reconstructions = clean.x[pair].expand_as(images), outputs(found.model, images)[1]
    columns: dict[str, Tensor | None] = {
        "distance_relative": d.norm(dim=1) / clean.distance[pair],
        "distance_linf": (d.abs() / torch.as_tensor(high - low).to(d)).amax(dim=1),
        "code_shift": code_displacement(found.model, x, images),
    }
    if capabilities_of(found.model).tokens:
        columns["tokens_changed"] = tokens_changed(found.model, x, images)
    sides = {
        "input": (images, clean.x[pair]),
        "output": (reconstructions, clean.reconstruction[pair]),
    }
    for name, (attacked, reference) in sides.items():
        columns[f"psnr_{name}"] = psnr(attacked, reference.expand_as(attacked), bounds)
        columns[f"ssim_{name}"] = ssim(attacked, reference.expand_as(attacked), bounds)
    return {name: column for name, column in columns.items() if column is not None}


def _blend(found: Candidates, goal: Goal) -> Tensor:
    """The goal at the nearest point to the target, :math:`(P, W)`."""
    others = [origin for origin in dict.fromkeys(found.origin) if origin not in ("zero", "blend")]
    return found.values(goal, found.best(goal, but=others))


def _identity(found: Candidates, goal: Goal) -> Tensor:
    """The goal for the identity map: exact for gap and damage, NaN for codes, (P, W)."""
    pairs, count = found.pairs, found.levels.shape
    if goal.name == "damage":
        return found.levels.new_ones(count)
    if goal.name == "code_gap":
        return found.levels.new_full(count, torch.nan)
    nearest = found.nearest - pairs.target[:, None]
    found_gaps: Tensor = nearest.flatten(2).double().norm(dim=2) / pairs.distance[:, None]
    return found_gaps
