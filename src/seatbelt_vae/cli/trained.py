"""A trained run and its data, as the verbs that measure need them."""

from pathlib import Path
from typing import TYPE_CHECKING

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs import RunFolder

if TYPE_CHECKING:
    from seatbelt_vae.data import ImageData

__all__ = ["check_trained", "load_data"]


def check_trained(path: Path) -> RunFolder:
    """The run at ``path``.

    Raises:
        ArtifactError: no run there, or one whose training is not finished.
    """
    run = RunFolder.open(path)
    if not (path / "model.safetensors").exists():
        raise ArtifactError(
            f"{path} has no finished model: train it to the end, "
            f"`seatbelt-vae train {path} --resume`"
        )
    return run


def load_data(run: RunFolder, root: str | None) -> "ImageData":
    """The data set the run was trained on, perhaps from another folder than then."""
    from seatbelt_vae import data

    config = run.config.data
    return data.load_data(
        config.name,
        root or config.root,
        config.images,
        config.image_size,
        skip_bad=config.skip_bad,
    )
