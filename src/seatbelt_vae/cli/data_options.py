"""Flags of `data` and `zoo`; torch is not imported."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, subcommand

from seatbelt_vae.cli.run_options import Output
from seatbelt_vae.config import ReadingConfig

__all__ = ["Data", "DataCheck", "DataList", "DataPrepare", "Zoo"]


@dataclass(frozen=True)
class DataList:
    """List the data sets: images and factors, origin, and state on this machine.

    Args:
        root: folder in which to look for the files of data sets.
    """

    root: str | None = None
    output: Output = field(default_factory=Output)


@dataclass(frozen=True)
class DataPrepare(ReadingConfig):
    """Prepare a data set: generate it, or read the downloaded files.

    Args:
        name: a name of `seatbelt-vae data list`, a function as module:function, or the path of your
            own files.
        root: folder of the files, for data sets that are read from disk.
        image_size: side in pixels: any for sets of image files, an integer fraction for the others.
        download: download the data set first; nothing is downloaded without this flag.
        sheet: write a contact sheet of random images to this PNG file.
    """

    name: Positional[str]
    root: str | None = None
    image_size: int | None = None
    download: bool = False
    sheet: Path | None = None
    output: Output = field(default_factory=Output)


@dataclass(frozen=True)
class DataCheck(ReadingConfig):
    """Check that a data set is complete and has the expected format.

    Args:
        name: a name of `seatbelt-vae data list`, a function as module:function, or the path of your
            own files.
        root: folder of the files, for data sets that are read from disk.
        image_size: side in pixels: any for sets of image files, an integer fraction for the others.
    """

    name: Positional[str]
    root: str | None = None
    image_size: int | None = None
    output: Output = field(default_factory=Output)


@dataclass(frozen=True)
class Data:
    """List, prepare and check data sets."""

    action: (
        Annotated[DataList, subcommand("list")]
        | Annotated[DataPrepare, subcommand("prepare")]
        | Annotated[DataCheck, subcommand("check")]
    )

    to_resume = "run the same command again"


@dataclass(frozen=True)
class Zoo:
    """List the trained models in the package, targets of `audit`, `attack` and others: zoo:NAME."""

    output: Output = field(default_factory=Output)

    to_resume = "run the same command again"
