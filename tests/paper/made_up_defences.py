"""A results store of the frontier of defences with synthetic numbers."""

from typing import Any

import numpy as np

from seatbelt_vae.evaluation.measures import BUDGETS
from seatbelt_vae.paper import DEFENCES
from seatbelt_vae.paper.sizes import Size
from tests.paper.made_up import MadeUp

Row = dict[str, Any]


def made_up_defences(size: Size, pairs: int = 12) -> MadeUp:
    """Every kind of model of a size, with a strength and a price of its own, and pPCA."""
    members, runs, suites, budgets, evaluations = [], [], [], [], []
    order = list(dict.fromkeys(member.series for member in DEFENCES.members(size)))
    for member in DEFENCES.members(size):
        model, kind = member.model, order.index(member.series)
        noise = np.random.default_rng([*model.label.encode()])
        denoising = "denoising" in member.series
        strength = 0.3 + 0.02 * kind + 0.2 * denoising + 0.01 * noise.standard_normal()
        price = 2.0 * kind + 25 * denoising + noise.standard_normal()
        run = {"run": model.label}
        members.append(
            {**run, "experiment": "defences", "series": member.series, "training_s": 60.0 + kind}
        )
        runs.append({**run, "data": model.data, "seed": model.seed})
        suite = {**run, "suite": "output-l2-within-l2-strong"}
        suites.append(
            {**suite, "loss": "output-l2", "layers": "all", "threat": "l2", "strength": "strong"}
        )
        evaluations.append(
            {**run, "elbo": 180.0 - price, "unexplained_variance": 0.11 + 0.002 * price}
        )
        for pair in range(pairs):
            own = 0.05 * np.random.default_rng(pair).standard_normal()
            budgets += [
                {
                    **suite,
                    "pair": pair,
                    "epsilon": epsilon,
                    "gap": float(np.exp(-epsilon * 2 / (strength + 0.3)) + own * epsilon),
                    "blend_gap": 1 - epsilon + own * epsilon,
                    "certified_gap": 1 - 2 * epsilon if "Lipschitz" in member.series else None,
                    "told_apart": pair != 3 or kind != 1,
                }
                for epsilon in BUDGETS
            ]
    return MadeUp(
        {
            "members": members,
            "runs": runs,
            "suites": suites,
            "budgets": budgets,
            "evaluations": evaluations,
            "linear": _linear(runs, pairs),
        }
    )


def _linear(runs: list[Row], pairs: int) -> list[Row]:
    first = {run["data"]: run["run"] for run in reversed(runs)}
    return [
        {
            "run": run,
            "units": units,
            "pair": pair,
            "epsilon": epsilon,
            "gap": 1 - epsilon * (0.8 + 0.4 / units),
            "elbo": 100.0 + 10 * np.log(units),
            "unexplained_variance": 0.6 / units**0.5,
        }
        for run in first.values()
        for units in (2, 8, 32)
        for pair in range(pairs)
        for epsilon in BUDGETS
    ]
