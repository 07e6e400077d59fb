"""The settings of one training run, as stored in its `config.toml`."""

import os
from dataclasses import asdict, dataclass, field
from typing import Any

from seatbelt_vae.config.checks import positive
from seatbelt_vae.config.image_reading import ReadingConfig
from seatbelt_vae.config.model import ModelConfig
from seatbelt_vae.config.objective import ObjectiveConfig
from seatbelt_vae.config.training import TrainingConfig
from seatbelt_vae.config.training_defences import surely_unread
from seatbelt_vae.errors import ConfigError

__all__ = ["DataConfig", "RunConfig", "place_of"]

_SUFFIXES = {
    "folder": (".zip",),
    "array": (".npy", ".npz", ".h5", ".hdf5", ".safetensors"),
    "table": (".parquet", ".csv", ".tsv"),
}
"""For each data set with files of your own, the suffixes whose paths name it."""


def place_of(data: str, root: str | None) -> tuple[str, str | None]:
    """The name and the root of a data set; ``folder:PATH`` and a path alone state both.

    A path ends with a suffix of files of data, or has a slash and no colon.

    Raises:
        ConfigError: a root beside a path.

    Example:
        >>> place_of("folder:photos", None), place_of("rows.csv", None), place_of("chairs", None)
        (('folder', 'photos'), ('table', 'rows.csv'), ('chairs', None))
        >>> place_of("./photos", None), place_of("file.py:load", None)
        (('folder', './photos'), ('file.py:load', None))
    """
    name, colon, path = data.partition(":")
    if not (colon and path and name in _SUFFIXES):
        named = _named_by(data)
        if named is None:
            return data, root
        name, path = named, data
    if root is not None:
        raise ConfigError(f"data {data!r} with root {root!r}: leave root out, or give data {name}")
    return name, path


def _named_by(path: str) -> str | None:
    """The data set that a path names; None for other text."""
    for name, suffixes in _SUFFIXES.items():
        if path.lower().endswith(suffixes):
            return name
    slash = "/" in path or os.sep in path
    return "folder" if slash and ":" not in os.path.splitdrive(path)[1] else None


@dataclass(frozen=True)
class DataConfig(ReadingConfig):
    """The data set, and how its files are read.

    Args:
        name: a name of `seatbelt-vae data list`, a function as module:function, or
            the path of your own files, also as `folder:PATH`, `array:PATH` or `table:PATH`.
        root: folder of the files, for data sets that are read from disk.
        images: number of training images to use (default: all).
        image_size: side in pixels: any for sets of image files, an integer fraction for the others.
    """

    name: str = "dsprites"
    root: str | None = None
    images: int | None = None
    image_size: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        name, root = place_of(self.name, self.root)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "root", root)
        if self.images is not None:
            positive("images", self.images)
        if self.image_size is not None:
            positive("image_size", self.image_size)


@dataclass(frozen=True)
class RunConfig:
    """All settings of a training run."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    @property
    def stored(self) -> dict[str, Any]:
        """The settings as a table, without the defaults that no chosen defence reads.

        What is not stored is not refused by a version that has another default.
        """
        table, default = asdict(self), asdict(ObjectiveConfig())
        for name in surely_unread(self.objective.defence):
            if table["objective"][name] == default[name]:
                del table["objective"][name]
        return table
