"""The data set that a run's settings name, known to fit the others of them."""

from typing import TYPE_CHECKING

from seatbelt_vae.config import RunConfig, resolve, resolve_objective
from seatbelt_vae.data.registry import source_of
from seatbelt_vae.errors import ConfigError

if TYPE_CHECKING:
    from seatbelt_vae.data.dataset import ImageData

__all__ = ["load_for"]


def load_for(run: RunConfig) -> "ImageData":
    """The data set of a run, once model and objective are known to be possible on it.

    Raises:
        DataError: the data set cannot be had.
        ConfigError: settings that do not fit it, or one another.
    """
    data = source_of(run.data).load(run.data)
    architecture = resolve(run.model, data.name, data.image_shape, data.bounds)
    resolve_objective(run.objective, run.model.preset, architecture.depth)
    batch = run.training.batch_size
    if batch > len(data.train):
        raise ConfigError(
            f"batch_size {batch} is more than the {len(data.train)} training images: use a "
            f"smaller batch"
        )
    return data
