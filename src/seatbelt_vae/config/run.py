"""The settings of one training run, as stored in its `config.toml`."""

from dataclasses import dataclass, field

from seatbelt_vae.config.checks import positive
from seatbelt_vae.config.image_reading import ReadingConfig
from seatbelt_vae.config.model import ModelConfig
from seatbelt_vae.config.objective import ObjectiveConfig
from seatbelt_vae.config.training import TrainingConfig

__all__ = ["DataConfig", "RunConfig"]


@dataclass(frozen=True)
class DataConfig(ReadingConfig):
    """The data set, and how its files are read.

    Args:
        name: a name of `seatbelt-vae data list`, or a function as module:function.
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
