"""Our budgeted attacks against foolbox's projected gradient descent, at equal gradient evaluations.

    pip install foolbox==3.3.4
    python -m benchmarks.budgets --json

The same loss on the same model from the same start, noise beside the input, within the same ball
and box; a row is a pair and a budget ε. Foolbox attacks classifiers, so its attack is given our
loss in place of a classifier's; it keeps its last iterate, so the best it passed is kept for it;
and it gets the step size, of several, that serves it best over all rows.
`share_no_higher_than_any_step` even takes the best step size of each row, and so grants foolbox
four times our evaluations.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import eagerpy as ep
import foolbox as fb
import torch
from torch import Tensor, nn

from benchmarks.attack import images_of
from benchmarks.machine import machine
from benchmarks.models import MODELS, trained
from seatbelt_vae.attacks import Problem, attack
from seatbelt_vae.attacks.levels import levels_of
from seatbelt_vae.attacks.losses import loss_of
from seatbelt_vae.attacks.starts import noise_start
from seatbelt_vae.attacks.threats import threat_of
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.models import HierarchicalVAE, fold_batch_norm, load_model
from seatbelt_vae.own_process import tune_process
from seatbelt_vae.randomness import generator_for

_STEPS = (0.01, 0.025, 0.1, 0.25)
_PGD = {
    "l2": fb.attacks.L2ProjectedGradientDescentAttack,
    "linf": fb.attacks.LinfProjectedGradientDescentAttack,
}


class _Foolbox:
    """Foolbox on the rows of a problem, each from a start of its own.

    Args:
        problem: the pairs.
        levels: ε of each pair, (P, E).
        norm: ``l2`` or ``linf``.
        starts: where each row begins, (P, E, n).
    """

    def __init__(self, problem: Problem, levels: Tensor, norm: str, starts: Tensor) -> None:
        self.problem, self.levels, self.norm, self.starts = problem, levels, norm, starts
        self.model = fb.PyTorchModel(nn.Identity().eval(), bounds=problem.bounds)

    def lowest(self, evaluations: int) -> Tensor:
        """The lowest loss passed on every row, for each step size, (steps, P, E)."""
        rows = [(p, e) for p in range(len(self.levels)) for e in range(self.levels.shape[1])]
        found = [[self._row(*row, evaluations, step) for row in rows] for step in _STEPS]
        return torch.tensor(found, dtype=torch.float64).view(len(_STEPS), *self.levels.shape)

    def _row(self, pair: int, level: int, evaluations: int, step: float) -> float:
        problem, of = self.problem, torch.tensor([pair])
        seen: list[float] = []
        start = self.starts[pair, level].view(1, *problem.image_shape)

        class Attack(_PGD[self.norm]):
            def get_random_start(self, x0: Any, _epsilon: float) -> Any:
                return ep.astensor(start) if isinstance(x0, ep.Tensor) else start

            def get_loss_fn(self, _model: Any, _labels: Any) -> Callable[[Any], Any]:
                def loss(inputs: Any) -> Any:
                    parts = problem.loss.parts(inputs.raw, of)
                    seen.append(float(parts.detach().double().sum()))
                    return ep.astensor(-parts.sum())  # foolbox climbs

                return loss

        attack = Attack(rel_stepsize=step, steps=evaluations, random_start=True)
        x = problem.x[of].view(1, *problem.image_shape)
        criterion = fb.criteria.Misclassification(torch.zeros(1, dtype=torch.long))
        attack.run(self.model, x, criterion, epsilon=float(self.levels[pair, level]))
        if len(seen) != evaluations:
            raise RuntimeError(f"foolbox made {len(seen)} evaluations, expected {evaluations}")
        return min(seen)


def compare(
    model: HierarchicalVAE, loss: str, norm: str, pairs: int, evaluations: int
) -> Iterator[dict[str, Any]]:
    """One row for each of our solvers."""
    x, target = images_of(pairs)
    config = AttackConfig(
        loss=loss, threat=norm, protocol="single", max_evaluations=evaluations, pairs=pairs
    )
    keys = [(config.seed, pair) for pair in range(pairs)]
    problem = Problem.of(
        model,
        loss_of(config, len(model.latent_sizes)),
        x,
        target,
        [generator_for(*key, 0) for key in keys],
        threat=threat_of(config),
    )
    levels = levels_of(config, problem)
    starts = [
        noise_start(problem, pair, levels.shape[1], generator_for(*key, 1))
        for pair, key in enumerate(keys)
    ]
    began = time.perf_counter()
    theirs = _Foolbox(problem, levels, norm, torch.stack(starts)).lowest(evaluations)
    their_seconds = (time.perf_counter() - began) / len(_STEPS)
    span = problem.span[:, None]
    for solver in ("quasi-newton", "pgd"):
        began = time.perf_counter()
        result = attack(model, x, target, replace(config, solver=solver))
        seconds = time.perf_counter() - began
        ours = result.delta
        ratios = ((ours + 1e-3 * span) / (theirs + 1e-3 * span)).log().mean(dim=(1, 2))
        step = int(ratios.argmax())
        yield {
            "solver": solver,
            "evaluations": evaluations,
            "most_evaluations_of_ours": int(result.evaluations.max()),
            "rows": ours.numel(),
            "foolbox_rel_stepsize": _STEPS[step],
            "share_lower": _share(ours < theirs[step]),
            "share_no_higher": _share(ours <= theirs[step] + 1e-6 * span),
            "share_no_higher_than_any_step": _share(ours <= theirs.amin(0) + 1e-6 * span),
            "mean_log_ratio": float(ratios[step]),
            "seconds_ours": seconds,
            "seconds_foolbox": their_seconds,
        }


def _share(rows: Tensor) -> float:
    return float(rows.double().mean())


def measure(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One row a model, loss, norm, number of evaluations and solver of ours."""
    for name in arguments.models:
        model = fold_batch_norm(load_model(trained(name, arguments.folder)))
        for loss, norm, evaluations in product(
            arguments.losses, ("l2", "linf"), arguments.evaluations
        ):
            for row in compare(model, loss, norm, arguments.pairs, evaluations):
                yield {"model": name, "loss": loss, "norm": norm, **row}


def main() -> None:
    """Print a row for each comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["vae", "seatbelt-2"])
    parser.add_argument("--losses", nargs="+", default=["latent-kl", "output-l2"])
    parser.add_argument("--evaluations", nargs="+", type=int, default=[40, 100])
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--folder", type=Path, default=Path("runs/benchmark"), help="of the models")
    parser.add_argument("--json", action="store_true", help="one JSON row a line, else a summary")
    arguments = parser.parse_args()
    tune_process(1)
    for row in measure(arguments):
        if arguments.json:
            print(json.dumps({"benchmark": "budgets", **row, **machine()}), flush=True)
        else:
            lower, no_higher, any_step = (
                row[f"share_{name}"] for name in ("lower", "no_higher", "no_higher_than_any_step")
            )
            print(
                f"{row['model']:11} {row['loss']:9} {row['norm']:4} {row['solver']:12} "
                f"{row['evaluations']:4} evaluations: lower on {lower:.0%}, no higher on "
                f"{no_higher:.0%} ({any_step:.0%} than any step size), "
                f"mean log ratio {row['mean_log_ratio']:+.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
