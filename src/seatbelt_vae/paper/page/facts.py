"""What a reproduction consists of, in a few lines for the head of its page."""

import importlib.metadata
import platform
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from seatbelt_vae.report.tables import number

if TYPE_CHECKING:
    from seatbelt_vae.config import TrainingConfig
    from seatbelt_vae.paper.plan import Plan

__all__ = ["facts", "versions"]

_PACKAGES = ("seatbelt-vae", "torch", "numpy", "scipy", "duckdb", "matplotlib")


def facts(plan: "Plan") -> Iterator[tuple[str, str]]:
    """Names and values.

    Args:
        plan: what was to be done.
    """
    size = plan.size
    yield "models", number(len(plan.jobs))
    yield "data sets", _listed(dict.fromkeys(job.run.data.name for job in plan.jobs.values()))
    yield "images", f"{size.image_size}×{size.image_size}" if size.image_size else "as published"
    yield "β", _listed(f"{beta:g}" for beta in size.betas)
    yield "latents d_z of one layer", _listed(map(str, size.latents))
    yield "layers L", _listed(map(str, size.depths))
    yield "training", _training(size.training)
    yield "training seeds", _seeds(plan)
    yield "pairs of images", number(size.attack.pairs)
    yield "attacks of each strength", f"{number(plan.rows)}, {size.attack.weight_count} λ a pair"


def versions() -> Iterator[tuple[str, str]]:
    """Of Python and of what numbers and figures depend on, as far as it is installed."""
    yield "Python", platform.python_version()
    for package in _PACKAGES:
        try:
            yield package, importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue


def _training(training: "TrainingConfig") -> str:
    length = (
        f"{training.epochs} epochs" if training.steps is None else f"{number(training.steps)} steps"
    )
    return f"{length} of {training.batch_size} images, learning rate {training.learning_rate:g}"


def _seeds(plan: "Plan") -> str:
    size = plan.size
    if not size.seeded_betas:
        return f"{size.seeds[0]}"
    betas = _listed(f"{beta:g}" for beta in size.seeded_betas)
    sets = _listed(dict.fromkeys(map(size.actual, size.seeded_data)))
    return f"{_listed(map(str, size.seeds))} at β {betas} on {sets}; else {size.seeds[0]}"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
