"""A folder of public models in the layout of disentangling-vae."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from seatbelt_vae.config import DataConfig, RunConfig
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs.checked_files import checked_table
from seatbelt_vae.subjects.disentangling_specs import SPECS, trained_as

__all__ = ["PublicModel", "public_models"]

_SERIES = {"beta-vae": "β-VAE", "beta-tcvae": "β-TCVAE", "factor-vae": "FactorVAE"}
_SETS = {"celeba": "celeba-uncropped"}
"""Sets that the project reads in another way than this package."""


@dataclass(frozen=True)
class PublicModel:
    """A model that others trained.

    Args:
        name: name of its weights file without the suffix.
        weights: the weights file.
        training: settings of its training; ``data`` are its images.
        series: its lines in the figures; a plain VAE is the β = 1 of all others.
    """

    name: str
    weights: Path
    training: RunConfig
    series: tuple[str, ...]


def public_models(folder: Path) -> list[PublicModel]:
    """The models that ``models.json`` of a folder lists, whose weights are there.

    Models of an objective without a preset are left out.

    Raises:
        ArtifactError: no ``models.json`` or no such model in the folder, or a damaged entry.
    """
    if not (folder / SPECS).is_file():
        raise ArtifactError(
            f"{folder} has no {SPECS}: give the folder of public models, with {SPECS} beside their "
            f".safetensors files"
        )
    found: dict[Path, RunConfig] = {}
    for name in checked_table(folder / SPECS):
        weights = folder / f"{name}.safetensors"
        if weights.is_file() and (training := trained_as(weights)) is not None:
            data = DataConfig(_SETS.get(training.data.name, training.data.name))
            found[weights] = replace(training, data=data)
    if not found:
        raise ArtifactError(f"{folder} has the weights of no model that {SPECS} lists")
    return [
        PublicModel(weights.stem, weights, training, _series(training, found.values()))
        for weights, training in found.items()
    ]


def _series(training: RunConfig, others: Iterable[RunConfig]) -> tuple[str, ...]:
    preset = training.model.preset
    if preset in _SERIES:
        return (_SERIES[preset],)
    beside = {other.model.preset for other in others if other.data == training.data}
    return tuple(name for kind, name in _SERIES.items() if kind in beside) or ("VAE",)
