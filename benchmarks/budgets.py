"""Our budgeted attacks against foolbox's projected gradient descent, at equal gradient evaluations.

    pip install --constraint constraints.txt --editable '.[benchmarks]'
    python -m benchmarks.budgets --json

The same loss on the same model within the same ball and box; a row is a pair and a budget ε. First
comes the strong attack, at its usual effort, and foolbox gets as many iterations as it took
evaluations; then each of our solvers by itself, from foolbox's own start. Both sides call one loss,
which counts the images whose gradient it is asked for. Foolbox attacks classifiers, so its attack
is given our loss in place of a classifier's, and all rows at once, as ours is. It keeps its last
iterate; here it is granted the best it passed, and the last one's value free of charge. It gets the
step size, of several, that serves it best over all rows; `share_no_higher_than_any_step` even takes
the best step size of each row, and so grants foolbox six times our evaluations.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from math import ceil
from pathlib import Path
from statistics import mean
from typing import Any, Literal

import eagerpy as ep
import foolbox as fb
import torch
from foolbox.attacks.gradient_descent_base import BaseGradientDescent
from torch import Tensor, nn

from benchmarks.machine import machine
from benchmarks.models import MODELS, images_of, trained
from seatbelt_vae.attacks import Problem
from seatbelt_vae.attacks.levels import levels_of
from seatbelt_vae.attacks.losses import loss_of
from seatbelt_vae.attacks.methods import single_attack, strong_attack
from seatbelt_vae.attacks.methods.starts import noise_start
from seatbelt_vae.attacks.threats import threat_of
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.models import fold_batch_norm, load_model
from seatbelt_vae.parallel.process_settings import tune_process
from seatbelt_vae.randomness import Stream, generator_for
from seatbelt_vae.runs import RunFolder

Norm = Literal["l2", "linf"]

_NORMS: tuple[Norm, ...] = ("l2", "linf")
_SOLVERS: tuple[Literal["quasi-newton", "pgd"], ...] = ("quasi-newton", "pgd")
_EVALUATIONS = (40, 100)
_STEPS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class _Counter:
    """Counts the images whose gradient of a problem's loss is computed."""

    def __init__(self, problem: Problem) -> None:
        self.images = 0

        def parts(images: Tensor, pairs: Tensor) -> Tensor:
            self.images += len(images) * torch.is_grad_enabled()
            return problem.loss.parts(images, pairs)

        self.problem = replace(
            problem, loss=replace(problem.loss, parts=parts, coarse=None, averaged=False)
        )

    def since_last_asked(self) -> int:
        count, self.images = self.images, 0
        return count


class _Rows(BaseGradientDescent):
    """Lends foolbox's descent our loss, and rows with a start and an ε of their own.

    Args:
        problem: the pairs.
        pairs: which of them each row is of, (R).
        starts: where each row begins, images.
        settings: foolbox's own.
    """

    def __init__(self, problem: Problem, pairs: Tensor, starts: Tensor, **settings: Any) -> None:
        super().__init__(**settings)
        self.problem, self.pairs, self.starts = problem, pairs, starts
        self.lowest = torch.full((len(pairs),), torch.inf, dtype=torch.float64)

    def get_random_start(self, _x0: Any, _epsilon: Any) -> Any:
        return ep.astensor(self.starts)

    def get_loss_fn(self, _model: Any, _labels: Any) -> Callable[[Any], Any]:
        return lambda images: ep.astensor(-self.divergence(images.raw).sum())  # foolbox climbs

    def divergence(self, images: Tensor) -> Tensor:
        found = self.problem.loss.parts(images, self.pairs).sum(1)
        self.lowest = torch.minimum(self.lowest, found.detach())
        return found

    def project(self, x: Any, x0: Any, epsilon: Any) -> Any:
        # foolbox's projection knows one ε at a time
        rows = [slice(row, row + 1) for row in range(len(x))]
        radii = epsilon.raw.flatten().tolist()
        projected = super().project
        return ep.concatenate(
            [projected(x[row], x0[row], radius) for row, radius in zip(rows, radii, strict=True)]
        )


class _L2(_Rows, fb.attacks.L2ProjectedGradientDescentAttack):
    pass


class _Linf(_Rows, fb.attacks.LinfProjectedGradientDescentAttack):
    pass


_FOOLBOX = {"l2": _L2, "linf": _Linf}


def by_foolbox(
    problem: Problem, levels: Tensor, norm: Norm, starts: Tensor, evaluations: int, step: float
) -> Tensor:
    """The lowest loss of every row from starts (P, E, n) within ε, levels (P, E)."""
    shape = problem.event_shape
    pairs = torch.arange(len(levels)).repeat_interleave(levels.shape[1])
    descent = _FOOLBOX[norm](
        problem,
        pairs,
        starts.view(-1, *shape),
        rel_stepsize=step,
        steps=evaluations,
        random_start=True,
    )
    last = descent.run(
        fb.PyTorchModel(nn.Identity().eval(), bounds=problem.bounds),
        problem.x[pairs].view(-1, *shape),
        fb.criteria.Misclassification(torch.zeros_like(pairs)),
        epsilon=ep.astensor(levels.to(problem.x).view(-1, 1, 1, 1)),
    )
    with torch.no_grad():
        descent.divergence(last)
    return descent.lowest.view_as(levels)


def compare(run: RunFolder, loss: str, norm: Norm, pairs: int) -> Iterator[dict[str, Any]]:
    """One row for each of our ways to attack."""
    model = fold_batch_norm(load_model(run))
    x, target = images_of(run, pairs)
    strong = AttackConfig(loss=loss, threat=norm, pairs=pairs, recheck=0)
    keys = [(strong.seed, pair) for pair in range(pairs)]
    attacked = loss_of(strong, len(model.latent_sizes))
    generators = [generator_for(Stream.LOSS_NOISE, *key) for key in keys]
    counted = _Counter(Problem.of(model, attacked, x, target, generators, threat=threat_of(strong)))
    problem = counted.problem
    levels = levels_of(strong, problem)
    starts = torch.stack(
        [
            noise_start(problem, pair, levels.shape[1], generator_for(Stream.SINGLE_STARTS, *key))
            for pair, key in enumerate(keys)
        ]
    )
    single = [
        replace(strong, strength="single", max_evaluations=evaluations, solver=solver)
        for evaluations, solver in product(_EVALUATIONS, _SOLVERS)
    ]
    for config in (strong, *single):
        search = strong_attack if config.strength == "strong" else single_attack
        counted.since_last_asked()
        began = time.perf_counter()
        ours = search(problem, levels, config, keys).delta
        seconds, spent = time.perf_counter() - began, counted.since_last_asked() / ours.numel()
        iterations = ceil(spent) if config.strength == "strong" else config.max_evaluations
        began = time.perf_counter()
        theirs = torch.stack(
            [by_foolbox(problem, levels, norm, starts, iterations, step) for step in _STEPS]
        )
        yield {
            "strength": config.strength,
            "solver": config.solver,
            "rows": ours.numel(),
            "evaluations": spent,
            "evaluations_foolbox": counted.since_last_asked() / len(_STEPS) / ours.numel(),
            "seconds": seconds,
            "seconds_foolbox": (time.perf_counter() - began) / len(_STEPS),
            **_shares(ours, theirs, problem.span[:, None]),
        }


def _shares(ours: Tensor, theirs: Tensor, span: Tensor) -> dict[str, float]:
    """How rows (P, E) compare with foolbox's, (steps, P, E)."""
    ratios = ((ours + 1e-3 * span) / (theirs + 1e-3 * span)).log().mean(dim=(1, 2))
    step = int(ratios.argmax())
    return {
        "foolbox_rel_stepsize": _STEPS[step],
        "share_lower": _share(ours < theirs[step]),
        "share_no_higher": _share(ours <= theirs[step] + 1e-6 * span),
        "share_no_higher_than_any_step": _share(ours <= theirs.amin(0) + 1e-6 * span),
        "mean_log_ratio": float(ratios[step]),
    }


def _share(rows: Tensor) -> float:
    return float(rows.double().mean())


def measure(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One row a model, loss, norm and way of ours to attack."""
    for name in arguments.models:
        run = trained(name, arguments.folder)
        for loss, norm in product(arguments.losses, _NORMS):
            for row in compare(run, loss, norm, arguments.pairs):
                yield {"model": name, "loss": loss, "norm": norm, **row}


def main() -> None:
    """Print a row for each comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["vae", "seatbelt-2"])
    parser.add_argument("--losses", nargs="+", default=["latent-kl", "output-l2"])
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--folder", type=Path, default=Path("runs/benchmark"), help="of the models")
    parser.add_argument("--json", action="store_true", help="one JSON row a line, else a summary")
    arguments = parser.parse_args()
    tune_process(1)
    rows = []
    for row in measure(arguments):
        rows.append(row)
        if arguments.json:
            print(json.dumps({"benchmark": "budgets", **row, **machine()}), flush=True)
        else:
            lower, no_higher, any_step = (
                row[f"share_{name}"] for name in ("lower", "no_higher", "no_higher_than_any_step")
            )
            print(
                f"{row['model']:11} {row['loss']:9} {row['norm']:4} {row['strength']:6} "
                f"{row['solver']:12} {row['evaluations']:4.0f} evaluations: lower on {lower:.0%}, "
                f"no higher on {no_higher:.0%} ({any_step:.0%} than any step size), "
                f"mean log ratio {row['mean_log_ratio']:+.3f}",
                flush=True,
            )
    for strength, solver in sorted({(row["strength"], row["solver"]) for row in rows}):
        shares = [
            row["share_lower"]
            for row in rows
            if (row["strength"], row["solver"]) == (strength, solver)
        ]
        over_all = {"strength": strength, "solver": solver, "share_lower": mean(shares)}
        if arguments.json:
            print(json.dumps({"benchmark": "budgets, all rows", **over_all, **machine()}))
        else:
            print(f"{strength} {solver}: lower on {mean(shares):.1%} of all rows")


if __name__ == "__main__":
    main()
