"""The data sets by name; another one is a file in `sets` that loads it and an entry here.

This module imports no torch until a set is loaded, so that help texts can name the sets at once.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from seatbelt_vae.config import DataConfig
from seatbelt_vae.config.checks import perhaps
from seatbelt_vae.data.cache import is_there
from seatbelt_vae.errors import DataError

if TYPE_CHECKING:
    from seatbelt_vae.data.dataset import ImageData

__all__ = ["DATA_SETS", "Source", "load", "source_of"]


@dataclass(frozen=True)
class Source:
    """A data set that can be had by name.

    Args:
        summary: what it is, in one line.
        had: how it comes to be on this machine.
        module: the file in `sets` that holds its ``load`` and ``state``.
        sized: whether it can be had at several image sizes.
        screened: whether it is made of files of which bad ones may be left out.
        filed: whether root may also be one file.
        hosted: whether it can be downloaded when that is asked for.
        licence: whose it is and on what terms, for the card of a model trained on it.
    """

    summary: str
    had: str
    module: str
    sized: bool = True
    screened: bool = False
    filed: bool = False
    hosted: bool = False
    licence: str = "that of the images' owner, who is not known to this package"

    def load(self, config: DataConfig) -> "ImageData":
        """The set, as the settings want it."""
        data: ImageData = import_module(f"seatbelt_vae.data.sets.{self.module}").load(config)
        return data

    def state(self, config: DataConfig) -> str:
        """Whether it is ready, in a few words; nothing is made or read whole."""
        text: str = import_module(f"seatbelt_vae.data.sets.{self.module}").state(config)
        return text

    def download(self, config: DataConfig) -> None:
        """Fetch what the set is made from."""
        import_module(f"seatbelt_vae.data.sets.{self.module}").download(config)


DATA_SETS = {
    "dsprites": Source(
        "737,280 binary 64×64 images of one sprite; factors shape, scale, orientation, x, y",
        "drawn by our own code and cached; the published .npz is read if --root holds it",
        "dsprites",
        licence="the images are drawn anew; the published set (Matthey et al. 2017) is Apache 2.0",
    ),
    "chairs": Source(
        "64×64 grey images of chairs; factors model, azimuth 31, elevation 2",
        "drawn from `apt install --no-install-recommends sweethome3d-furniture`; the published "
        "rendered_chairs/ is read if --root holds it",
        "chairs",
        screened=True,
        licence="either of drawn meshes, CC BY and CC0, or of the published pictures (Aubry et al. "
        "2014), which are neither, on their authors' terms; `data check chairs` says which",
    ),
    "faces": Source(
        "127,050 64×64 grey images of ICT or Basel faces; factors identity 50, azimuth 21, "
        "elevation 11, lighting 11",
        "drawn from a checkout of ICT-FaceKit, or from its reduced file, in --root; "
        "basel_face_renders.pth is read if --root holds it",
        "faces",
        licence="either drawn from ICT-FaceKit (Li et al. 2020), MIT, or basel_face_renders.pth, "
        "which is not MIT: the Basel Face Model's own licence limits its use and sharing; "
        "`data check faces` says which",
    ),
    "celeba": Source(
        "202,599 colour photographs of faces, aligned; 40 attributes",
        "read from --root: img_align_celeba/ or its .zip, list_attr_celeba.txt and "
        "list_eval_partition.txt",
        "celeba",
        screened=True,
        filed=True,
        licence="Liu et al. 2015; for research that is not commercial",
    ),
    "fashion-mnist": Source(
        "70,000 grey 28×28 images of clothes in 10 classes",
        "read from its four idx files: `apt install dataset-fashion-mnist`, or --root",
        "mnist",
        licence="Zalando SE (Xiao et al. 2017), MIT",
    ),
    "mnist": Source(
        "70,000 grey 28×28 images of handwritten digits",
        "read from its four idx files in --root",
        "mnist",
    ),
    "swiss-roll": Source(
        "10,000 points on a rolled curve in the plane; use --network mlp",
        "generated",
        "swiss_roll",
        sized=False,
        licence="generated, nobody's",
    ),
    "folder": Source(
        "pictures of your own; subfolders are classes, or train/ and test/",
        "read from --root, a folder or a .zip of them",
        "folder",
        screened=True,
        filed=True,
    ),
    "array": Source(
        "images and labels in one .npy, .npz, .h5 or .safetensors file of your own",
        "read from --root, which may be the file or its folder",
        "array",
        filed=True,
    ),
    "hf:NAME": Source(
        "pictures in the format of the `datasets` library, such as hf:ylecun/mnist",
        "read from hf:/path/to/a/copy, from --root, or from what `data prepare --download` fetched",
        "hub",
        screened=True,
        hosted=True,
    ),
}


def load(
    name: str,
    root: str | Path | None = None,
    images: int | None = None,
    image_size: int | None = None,
    *,
    skip_bad: bool = False,
) -> "ImageData":
    """A data set by name.

    Args:
        name: a key of `DATA_SETS`, with a name of your own for NAME.
        root: folder that holds the set's files, or its one file.
        images: use only this many training images.
        image_size: side in pixels: any for sets of pictures; for the others a fraction of theirs.
        skip_bad: leave out files that cannot be read, and count them, instead of stopping at one.

    Raises:
        DataError: unknown name, missing folder, corrupt files, or a size the set has not.

    Example:
        >>> load("swiss-roll").image_shape
        (1, 1, 2)
    """
    config = DataConfig(name, None if root is None else str(root), images, image_size, skip_bad)
    return source_of(config).load(config)


def source_of(config: DataConfig) -> Source:
    """The entry of a set, once it and the folder of its files are known to exist.

    Raises:
        DataError: unknown name, a folder that is missing, may not be looked at or has a name that
            settings cannot hold, or an option that the set has not.
    """
    kind, colon, _ = config.name.partition(":")
    source = DATA_SETS.get(f"{kind}:NAME" if colon else kind)
    if source is None:
        raise DataError(f"unknown data set {config.name!r}: {perhaps(config.name, DATA_SETS)}")
    for key, text in (("data", config.name), ("root", config.root or "")):
        _check_storable(key, text)
    if config.root is not None:
        _check_root(config.name, Path(config.root), source)
    if config.image_size is not None and not source.sized:
        raise DataError(f"{config.name!r} has one size only: leave image_size out")
    if config.skip_bad and not source.screened:
        raise DataError(f"{config.name!r} is not made of files to skip: leave skip_bad out")
    return source


def _check_root(name: str, root: Path, source: Source) -> None:
    if not is_there(root) or not (root.is_dir() or (source.filed and root.is_file())):
        kind = "file or folder" if source.filed else "folder"
        raise DataError(f"no such {kind}: {root}; give the {kind} that holds the files of {name!r}")


def _check_storable(key: str, text: str) -> None:
    """Refuse at once what a run could not write down after all its data were prepared."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError(
            f"{key} is {text!r}, which is not UTF-8, and a run's settings are: rename it, or give "
            f"a link to it"
        ) from None
