"""Load a data set by name, or the data set of a run's settings."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatbelt_vae.config import DataConfig, RunConfig, resolve, resolve_objective
from seatbelt_vae.data.registry import source_of
from seatbelt_vae.errors import ConfigError

if TYPE_CHECKING:
    from seatbelt_vae.data.dataset import ImageData

__all__ = ["load_data", "load_for"]


def load_data(
    name: str,
    root: str | Path | None = None,
    images: int | None = None,
    image_size: int | None = None,
    **reading: Any,
) -> "ImageData":
    """Load a data set by name.

    Args:
        name: a key of `DATA_SETS`, ``hf:NAME``, the path of your own files, or a function of your
            own as ``package.module:function`` or ``file.py:function``, which is imported and
            called.
        root: folder that holds the files of the data set, or its one file.
        images: number of training images to use (default: all).
        image_size: side in pixels: any size for picture files, for the other sets a fraction of
            their own size.
        reading: settings of `seatbelt_vae.config.ReadingConfig`, such as ``skip_bad=True`` or
            ``background="white"``.

    Raises:
        DataError: unknown name, missing folder, corrupt files, or an unavailable size.
        ConfigError: a setting of another type or range.

    Example:
        >>> load_data("swiss-roll").image_shape
        (1, 1, 2)
    """
    config = DataConfig(name, None if root is None else str(root), images, image_size, **reading)
    return source_of(config).load(config)


def load_for(run: RunConfig) -> "ImageData":
    """Load the data set of a run and check that model, objective and batch size fit it.

    Raises:
        DataError: the data set cannot be loaded.
        ConfigError: settings that contradict the data set or each other.
    """
    source = source_of(run.data)
    data = source.load(run.data)
    shape = data.channels_height_width
    architecture = resolve(run.model, data.name, shape, data.bounds, source.latent_sizes)
    resolve_objective(run.objective, run.model.preset, architecture.depth)
    batch = run.training.batch_size
    if batch > len(data.train):
        raise ConfigError(
            f"batch_size {batch} is more than the {len(data.train)} training images: use a "
            f"smaller batch"
        )
    return data
