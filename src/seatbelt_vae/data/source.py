"""The declaration of a data set: content, origin and licence."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from seatbelt_vae.config import DataConfig
from seatbelt_vae.config.model import LATENT_SIZES

if TYPE_CHECKING:
    from seatbelt_vae.data.dataset import ImageData

__all__ = ["ARRAY_OPTIONS", "LINK_OPTIONS", "PICTURE_OPTIONS", "Source"]

LINK_OPTIONS = frozenset({"follow_links"})
ARRAY_OPTIONS = LINK_OPTIONS | {"black", "white"}
PICTURE_OPTIONS = ARRAY_OPTIONS | {"skip_bad", "channels", "background", "first_frame"}
"""The settings of `ReadingConfig` that apply to files, to arrays and to pictures."""


@dataclass(frozen=True)
class Source:
    """A data set that can be loaded by name.

    Args:
        summary: the images and factors, in one line.
        origin: where the files come from.
        module: import name of the module with its functions ``load(config)``, either
            ``preparation(config)`` or ``state(config)``, and, if downloadable,
            ``download(config)``.
        resizable: the set is available at several image sizes.
        options: the settings of `ReadingConfig` that apply to the set.
        single_file: root may be one file instead of a folder.
        downloadable: the set can be downloaded on request.
        licence: owner and terms, for the card of a model trained on the set.
        latent_sizes: default sizes of several layers; a model of L layers has the last L.
    """

    summary: str
    origin: str
    module: str
    resizable: bool = True
    options: frozenset[str] = LINK_OPTIONS
    single_file: bool = False
    downloadable: bool = False
    licence: str = "that of the images' owner, who is not known to this package"
    latent_sizes: tuple[int, ...] = LATENT_SIZES

    def load(self, config: DataConfig) -> "ImageData":
        """Load the set with the given settings."""
        data: ImageData = import_module(self.module).load(config)
        return data

    def state(self, config: DataConfig) -> str:
        """Describe in one line whether the set is prepared; no image is read.

        Raises:
            DataError: files of the set are missing.
        """
        module = import_module(self.module)
        prepared = hasattr(module, "preparation")
        text: str = module.preparation(config).state if prepared else module.state(config)
        return text

    def download(self, config: DataConfig) -> None:
        """Download the files of the set."""
        import_module(self.module).download(config)
