"""The zoo: trained models in the package, each a run folder without measurements."""

from pathlib import Path

from seatbelt_vae.config.checks import one_of
from seatbelt_vae.runs.run_folder import RunFolder

__all__ = ["CARD", "ZOO", "is_in_zoo", "zoo_models", "zoo_run"]

ZOO = "zoo:"
"""The start of a target that names a model of the zoo."""

CARD = "README.md"
"""The file of the model card, in the folder of a model."""

_FOLDER = Path(__file__).parents[1] / "zoo"


def zoo_models() -> dict[str, RunFolder]:
    """The run folders of the zoo by name.

    Example:
        >>> sorted(zoo_models())
        ['faces-denoising', 'faces-seatbelt', 'faces-vae']
    """
    return {path.name: RunFolder(path) for path in sorted(_FOLDER.iterdir())}


def is_in_zoo(target: str) -> bool:
    """Whether a target has the form ``zoo:NAME``."""
    return target.startswith(ZOO)


def zoo_run(target: str) -> RunFolder:
    """The run folder of ``zoo:NAME``.

    Raises:
        ConfigError: the zoo has no model of that name.
    """
    name, models = target.removeprefix(ZOO), zoo_models()
    one_of("zoo model", name, models)
    return models[name]
