"""A whole audit: its time and memory, and its attacks against a person's own loops.

    python -m benchmarks.audit VAE_celeba.safetensors --data celeba --root celeba --json
    python -m benchmarks.audit my_vae.py:load --data folder:photos --pairs 4 --only loops

``audit``: seconds and peak memory of `seatbelt-vae audit TARGET --data …` with its defaults, as a
process. ``loops``: the goals of each row, a pair and a budget, against Adam and projected gradient
descent, each in twenty lines, from the input with a little noise. The loops of all goals together
get as many gradient evaluations as the portfolio spent on the row for all of them. A loop runs with
three step sizes; the best one over all rows counts, and the others are not charged. The same for
the attacks of toolboxes that are installed, see `benchmarks.toolboxes`.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.machine import machine
from benchmarks.toolboxes import Loop, evaluations_of_a_loop, side_of, toolbox_loops
from seatbelt_vae.attacks.prepare import prepare
from seatbelt_vae.auditing.audited_images import audited_images
from seatbelt_vae.auditing.goals import Goal
from seatbelt_vae.auditing.portfolio import PortfolioAttack
from seatbelt_vae.auditing.threat_budgets import suffix_of, threats_of
from seatbelt_vae.config import AuditConfig, DataConfig
from seatbelt_vae.data.registry import source_of
from seatbelt_vae.optim.region import region_of
from seatbelt_vae.parallel.process_settings import tune_process
from seatbelt_vae.protocol import event_shape_of
from seatbelt_vae.subjects import Subject, open_subject

_STEPS = (0.02, 0.1, 0.5)  # of the largest distortion
_START = 1e-3
_AS_GOOD = 1e-3  # a report prints two decimals

Row = dict[str, Any]


def audit_row(arguments: argparse.Namespace, folder: Path) -> Row:
    """Time and memory of the command, with its verdict."""
    command = [sys.executable, "-m", "seatbelt_vae", "audit", arguments.target]
    command += ["--data", arguments.data, "--out", str(folder), "--json", "--quiet"]
    command += ["--root", arguments.root] if arguments.root else []
    command += ["--pairs", str(arguments.pairs)]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    found = json.loads(done.stdout) if done.returncode < 3 else {}
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "part": "audit",
        "exit": done.returncode,
        "seconds": round(seconds, 1),
        "largest_process_mb": round(peak),
        "parameters": found.get("target", {}).get("parameters"),
        "verdict": found.get("verdict", {}).get("status"),
    }


def loop_rows(subject: Subject, arguments: argparse.Namespace) -> Iterator[Row]:
    """The attack against Adam, projected gradient descent and toolboxes under each threat."""
    config = AuditConfig(pairs=arguments.pairs, effort=arguments.effort)
    data = source_of(DataConfig(arguments.data, arguments.root))
    images = audited_images(subject, data.load(DataConfig(arguments.data, arguments.root)), config)
    model, x, target = prepare(
        subject.for_inference, *images.sides(range(len(images.pairs))), targeted=True
    )
    keys = [(config.seed, pair) for pair in range(len(x))]
    for threat, budgets in threats_of(config, event_shape_of(model)).items():
        attack = PortfolioAttack(model, x, target, threat, budgets, config, keys)
        found = attack.run()
        best = {goal.name: found.values(goal, found.best(goal)) for goal in attack.goals}
        for goal in attack.goals:
            ours = best[goal.name]  # `found` receives the points of loops too
            loops = {"adam": _adam, "pgd": _pgd} | toolbox_loops(threat, goal.name)
            for name, loop in loops.items():
                theirs = _best_loop(attack, goal, name, loop)
                yield {
                    "part": "loops",
                    "loop": name,
                    "goal": goal.name,
                    "threat": threat,
                    "budgets": [suffix_of(threat, b) for b in budgets],
                    "rows": ours.numel(),
                    "share_no_worse": _share(goal, ours, theirs),
                    "ours": ours.mean(0).tolist(),
                    "theirs": theirs.mean(0).tolist(),
                    "evaluations": attack.evaluations.double().mean(0).tolist(),
                    "evaluations_of_a_loop": evaluations_of_a_loop(attack),
                }


def _share(goal: Goal, ours: Tensor, theirs: Tensor) -> float:
    behind = ours - theirs if goal.lowers else theirs - ours
    return float((behind <= _AS_GOOD).double().mean())


def _best_loop(attack: PortfolioAttack, goal: Goal, name: str, loop: Loop) -> Tensor:
    """The goal of a loop with the step size that serves it best over all rows, (P, W)."""
    found = []
    for step in _STEPS:
        points = _project(attack, loop(attack, goal, step))
        attack.found.add(points, attack.rows[0], attack.rows[1], f"loop {name} {step}")
        own = attack.found.distances[goal.name][-len(points) :].view(attack.levels.shape)
        found.append(own / goal.unit(attack.found.pairs, attack.found.largest))
    best = min if goal.lowers else max
    return best(found, key=lambda values: float(values.mean()))


def _adam(attack: PortfolioAttack, goal: Goal, step: float) -> Tensor:
    points = nn.Parameter(_start(attack))
    optimiser = torch.optim.Adam([points], lr=step * float(attack.levels.mean()) / side_of(attack))
    best, lowest = points.detach().clone(), torch.full((len(points),), torch.inf)
    for _ in range(evaluations_of_a_loop(attack)):
        value, gradient = _value_and_gradient(attack, goal, points.detach())
        better = value < lowest
        lowest = torch.where(better, value, lowest)
        best[better] = points.detach()[better]
        points.grad = gradient
        optimiser.step()
        with torch.no_grad():
            points.copy_(_project(attack, points))
    return best


def _pgd(attack: PortfolioAttack, goal: Goal, step: float) -> Tensor:
    points = _start(attack)
    best, lowest = points.clone(), torch.full((len(points),), torch.inf)
    levels = attack.levels.flatten().to(points)[:, None]
    for _ in range(evaluations_of_a_loop(attack)):
        value, gradient = _value_and_gradient(attack, goal, points)
        better = value < lowest
        lowest = torch.where(better, value, lowest)
        best[better] = points[better]
        unit = nn.functional.normalize(gradient) if attack.threat == "l2" else gradient.sign()
        points = _project(attack, points - step * levels * unit)
    return best


def _start(attack: PortfolioAttack) -> Tensor:
    x = attack.x.flatten(1)[attack.rows[0]]
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    return _project(attack, x + _START * noise.to(x))


def _value_and_gradient(
    attack: PortfolioAttack, goal: Goal, points: Tensor
) -> tuple[Tensor, Tensor]:
    problem, pairs = attack.problem(goal.loss), attack.rows[0]
    parts = [
        problem.value_and_gradient(chunk, pair, level)
        for chunk, pair, level in zip(
            points.split(problem.micro_batch),
            pairs.split(problem.micro_batch),
            attack.levels.flatten().split(problem.micro_batch),
            strict=True,
        )
    ]
    value, gradient = (torch.cat(part) for part in zip(*parts, strict=True))
    return value, gradient


def _project(attack: PortfolioAttack, points: Tensor) -> Tensor:
    problem = attack.problem(attack.goals[0].loss)
    levels, x = attack.levels.flatten(), problem.x[attack.rows[0]]
    region = attack.budget.region(x, levels, problem.bounds)
    return region_of(points, **region).project(points)


def main() -> None:
    """Print one JSON row per part, or a line of text."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target")
    parser.add_argument("--data", required=True)
    parser.add_argument("--root")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--effort", type=float, default=1.0, help="of the attack of `loops`")
    parser.add_argument("--only", choices=("audit", "loops"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    def show(row: Row) -> None:
        row = {"target": arguments.target, **row, **machine()}
        print(json.dumps(row) if arguments.json else row, flush=True)

    if arguments.only != "loops":
        with tempfile.TemporaryDirectory() as folder:
            show(audit_row(arguments, Path(folder) / "audit"))
    if arguments.only != "audit":
        tune_process(1)
        config = DataConfig(arguments.data, arguments.root)
        subject = open_subject(arguments.target, source_of(config).load(config))
        for row in loop_rows(subject, arguments):
            show(row)


if __name__ == "__main__":
    main()
