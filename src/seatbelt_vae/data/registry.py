"""The table of data sets: a new set is one module in `sets` and one line here.

A module is imported when its set is looked up, so that importing this table stays cheap.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

from seatbelt_vae.config import DataConfig
from seatbelt_vae.config.checks import perhaps
from seatbelt_vae.config.model import LATENT_SIZES
from seatbelt_vae.data.cache import is_there
from seatbelt_vae.data.source import Source
from seatbelt_vae.errors import DataError

__all__ = ["DATA_SETS", "SAME_EVERYWHERE", "latent_sizes_of", "source_of"]

SAME_EVERYWHERE = ("dsprites", "celeba", "celeba-uncropped", "fashion-mnist", "mnist", "swiss-roll")
"""Data sets with the same images at any path."""

_MODULES = {
    "dsprites": "dsprites",
    "chairs": "chairs",
    "faces": "faces",
    "celeba": "celeba",
    "celeba-uncropped": "celeba",
    "fashion-mnist": "mnist",
    "mnist": "mnist",
    "swiss-roll": "swiss_roll",
    "folder": "picture_folder",
    "array": "array",
    "table": "table",
    "hf:NAME": "hugging_face",
    "MODULE:FUNCTION": "function",
}
"""For each data set, the module in `sets` whose ``SOURCES`` declares it."""


class _DataSets(Mapping[str, Source]):
    """The declarations of all data sets by name, each imported on first access."""

    def __getitem__(self, name: str) -> Source:
        module = import_module(f"seatbelt_vae.data.sets.{_MODULES[name]}")
        source: Source = module.SOURCES[name]
        return source

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


DATA_SETS = _DataSets()


def latent_sizes_of(name: str) -> tuple[int, ...]:
    """The default sizes of several layers on a data set.

    Example:
        >>> latent_sizes_of("celeba"), latent_sizes_of("my_data.py:load")
        ((256, 128, 64, 32), (96, 48, 24, 12, 6))
    """
    return DATA_SETS[name].latent_sizes if name in DATA_SETS else LATENT_SIZES


def source_of(config: DataConfig) -> Source:
    """Look up the declaration of a data set and check that the settings apply to it.

    Raises:
        DataError: unknown name, a root that is missing, not accessible or not UTF-8, or an option
            that the set does not support.
    """
    kind, colon, _ = config.name.partition(":")
    entry = ("hf:NAME" if kind == "hf" else "MODULE:FUNCTION") if colon else kind
    if entry not in DATA_SETS or (colon and kind in DATA_SETS):
        hint = perhaps(config.name, DATA_SETS)
        if Path(config.name).is_dir():
            hint = f"for the images in that folder, give folder:{config.name}"
        raise DataError(f"unknown data set {config.name!r}: {hint}")
    source = DATA_SETS[entry]
    for key, text in (("data", config.name), ("root", config.root or "")):
        _check_storable(key, text)
    if config.root is not None:
        _check_root(config.name, Path(config.root), source)
    if config.image_size is not None and not source.resizable:
        raise DataError(f"{config.name!r} has one size only: leave image_size out")
    if unused := config.chosen_reading.keys() - source.options:
        named = " and ".join(sorted(unused))
        raise DataError(f"{named} cannot be applied to {config.name!r}: leave {named} out")
    return source


def _check_root(name: str, root: Path, source: Source) -> None:
    if not is_there(root) or not (root.is_dir() or (source.single_file and root.is_file())):
        kind = "file or folder" if source.single_file else "folder"
        raise DataError(f"no such {kind}: {root}; give the {kind} that holds the files of {name!r}")


def _check_storable(key: str, text: str) -> None:
    """Reject text that config.toml cannot store before the data set is prepared."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError(
            f"{key} is {text!r}, which is not UTF-8, and a run's settings are: rename it, or give "
            f"a link to it"
        ) from None
