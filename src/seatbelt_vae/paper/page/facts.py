"""The header of the page: models, data, attacks and package versions."""

import importlib.metadata
import platform
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from seatbelt_vae.report.tables import number

if TYPE_CHECKING:
    from seatbelt_vae.paper.experiment_jobs import Plan

__all__ = ["facts", "versions"]

_PACKAGES = ("seatbelt-vae", "torch", "numpy", "scipy", "duckdb", "matplotlib")


def facts(plan: "Plan") -> Iterator[tuple[str, str]]:
    """Names and values of the settings.

    Args:
        plan: the plan of the reproduction.
    """
    size = plan.size
    training = size.training
    length = f"{number(training.steps)} steps" if training.steps else f"{training.epochs} epochs"
    yield "models", number(len(plan.jobs))
    yield "data sets", _join({job.run.data.name: None for job in plan.jobs.values()})
    yield "images", f"{size.image_size}×{size.image_size}" if size.image_size else "as published"
    yield "β", _join_numbers(size.betas)
    yield "latents d_z of one layer", _join_numbers(size.latents)
    yield "layers L", _join_numbers(size.depths)
    yield (
        "training",
        f"{length} of {training.batch_size} images, learning rate {training.learning_rate:g}",
    )
    yield "training seeds", _seeds(plan)
    yield "pairs of images", number(size.attack.pairs)
    if size.attack.within_budget:
        yield "attacks", f"{number(plan.rows)}, ε = {_join_numbers(size.attack.epsilons)}"
    else:
        per_pair = f"{size.attack.weight_count} λ per pair"
        yield "attacks of each strength", f"{number(plan.rows)}, {per_pair}"


def versions() -> Iterator[tuple[str, str]]:
    """Versions of Python and of the installed packages that numbers and figures depend on."""
    yield "Python", platform.python_version()
    for package in _PACKAGES:
        try:
            yield package, importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue


def _seeds(plan: "Plan") -> str:
    size = plan.size
    if not size.seeded_betas:
        return _join_numbers({job.run.training.seed: None for job in plan.jobs.values()})
    sets = _join(dict.fromkeys(map(size.actual, size.seeded_data)))
    several = f"{_join_numbers(size.seeds)} at β {_join_numbers(size.seeded_betas)} on {sets}"
    return f"{several}; else {size.seeds[0]}"


def _join(words: Iterable[str]) -> str:
    return ", ".join(words)


def _join_numbers(numbers: Iterable[float]) -> str:
    return _join(f"{value:g}" for value in numbers)
