"""The folder of an audit with made-up numbers and images, as `audit` stores it."""

from pathlib import Path
from typing import Any

import torch

from seatbelt_vae.runs import write_json, write_rows, write_tensors
from tests.auditing.example import content
from tests.report.page import Element, Page

BUDGETS = {"l2": (0.05, 0.1, 0.2, 0.3, 0.5), "linf": (2 / 255, 4 / 255, 8 / 255, 16 / 255)}
PAIRS = 9
IMAGE = (3, 6, 4)


def write_audited(folder: Path, *, event: tuple[int, ...] = IMAGE, **changes: Any) -> Path:
    """Write ``audit.json``, the worst cases of nine pairs, and universal distortions.

    Args:
        folder: the folder of the audit.
        event: shape of an input.
        changes: other values of keys of ``audit.json``.
    """
    found = content()
    found["target"] |= {"event_shape": event}
    found["files"] = {"rows": "rows", "winners": "worst", "report": "report.html"}
    found["weakest"] = [
        {
            "pair": pair,
            "input_index": 100 + pair,
            "target_index": 200 + pair,
            "label": ("beach", "street")[pair % 2],
            "value": value_of(pair, "gap", 0.2),
        }
        for pair in range(PAIRS - 1, 0, -1)
    ]
    write_json(folder / "audit.json", found | changes)
    for pair in range(PAIRS):
        write_rows(folder / "worst" / f"pair-{pair:05d}.parquet", rows_of(pair))
        write_tensors(folder / "worst" / f"pair-{pair:05d}.safetensors", images_of(pair, event))
    for threat in BUDGETS:
        path = folder / "universal" / f"{threat}.safetensors"
        write_tensors(path, {"distortion": images_of(0, event)["x"] - 0.5})
    return folder


def value_of(pair: int, goal: str, epsilon: float) -> float:
    """The made-up worst value of a pair: higher pairs are weaker."""
    return (1 - epsilon) * (1 - pair / 20) + (3 if goal == "damage" else 0)


def rows_of(pair: int) -> list[dict[str, Any]]:
    """The worst cases of a pair."""
    return [
        {
            "pair": pair,
            "input_index": 100 + pair,
            "target_index": 200 + pair,
            "threat": threat,
            "epsilon": epsilon,
            "goal": goal,
            "loss": "output-l2",
            "value": value_of(pair, goal, epsilon),
            "psnr_input": 20.0 + pair,
            "told_apart": pair > 0,
        }
        for threat, budgets in BUDGETS.items()
        for epsilon in budgets
        for goal in ("gap", "code_gap", "damage")
    ]


def images_of(pair: int, event: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """The images of a pair, each with one value."""
    images = {
        name: torch.full(event, (place + pair / 10) / 5)
        for place, name in enumerate(("x", "target", "reconstruction_x", "reconstruction_target"))
    }
    for threat, budgets in BUDGETS.items():
        steps = torch.tensor(budgets).view(-1, *[1] * len(event))
        moved = torch.zeros(len(budgets), *event)
        moved.view(len(budgets), -1)[:, pair + 1] = (pair + 1) / PAIRS
        images[f"{threat}_adversarial"] = images["x"] + steps * moved
        images[f"{threat}_reconstruction"] = images["reconstruction_x"] + steps.expand(-1, *event)
    return images


def section(page: Page, name: str) -> Element:
    """A section of a report."""
    return page.root.one("section", id=name)
