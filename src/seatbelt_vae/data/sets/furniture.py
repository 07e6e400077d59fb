"""The chairs in the furniture catalogues of Sweet Home 3D: meshes in .sh3f archives, CC0 and CC BY.

A piece is a chair if the last word of its name before "with" is one of `CHAIRS`. "Oak chair" and
"Chair with cushion" are chairs; "Wheelchair" and "Armchair ottoman" are not.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.data.readers.obj import GREY_OF_RGB, Material, read_mtl, read_obj
from seatbelt_vae.data.readers.picture_decoding import opened_picture
from seatbelt_vae.data.readers.zipped import OpenZip, opened_zip
from seatbelt_vae.data.rendering import Mesh
from seatbelt_vae.errors import DataError

__all__ = ["CHAIRS", "Chair", "chairs_of", "read_mesh"]

CHAIRS = ("armchair", "chair", "seat", "stool")

_CATALOGUE = "PluginFurnitureCatalog.properties"


@dataclass(frozen=True)
class Chair:
    """A chair of a catalogue.

    Args:
        model: unique name, made of the archive name and the mesh path.
        credit: author and licence.
        archive: the .sh3f file.
        path: path of the mesh in the archive.
        rotation: rotation to an upright mesh that faces the camera, :math:`(3, 3)`.
    """

    model: str
    credit: str
    archive: Path
    path: str
    rotation: NDArray[np.float64]


def chairs_of(path: Path) -> list[Chair]:
    """The chairs of an archive, in catalogue order.

    Raises:
        DataError: the archive or its catalogue cannot be read.
    """
    with opened_zip(path) as archive:
        text = archive.read(_CATALOGUE)
        if text is None:
            raise DataError(f"{path} cannot be used: it has no {_CATALOGUE}; get it anew")
    pieces: dict[str, dict[str, str]] = defaultdict(dict)
    for key, value in _properties(text):
        name, _, piece = key.partition("#")
        pieces[piece][name] = value
    library = pieces.pop("", {})
    return [
        _chair(path, library, piece)
        for _, piece in sorted(pieces.items(), key=lambda entry: _number(path, entry[0]))
        if _main_word(piece.get("name", "")) in CHAIRS
    ]


def read_mesh(chair: Chair) -> Mesh:
    """The upright mesh of a chair with the albedo of its materials.

    Raises:
        DataError: the mesh is missing or invalid.
    """
    with opened_zip(chair.archive) as archive:
        content = archive.read(chair.path)
        where = f"{chair.archive}:{chair.path}"
        if content is None:
            raise DataError(f"{where} is missing though the catalogue names it; get it anew")
        mesh = read_obj(content, where)
        greys = _greys(archive, chair.path, content)
    albedo = np.array([greys.get(name, Material().grey) for name in mesh.materials])
    return Mesh(mesh.vertices @ chair.rotation.T, mesh.triangles, albedo[mesh.material])


def _greys(archive: OpenZip, path: str, content: bytes) -> dict[str, float]:
    """Grey values by material name, from all material files that the mesh names."""
    greys: dict[str, float] = {}
    for stated in re.findall(rb"^mtllib[ \t]+([^\r\n]+)", content, re.MULTILINE):
        name = _beside(path, stated.decode("latin-1"))
        for key, material in read_mtl(archive.read(name) or b"", f"{archive.path}:{name}").items():
            texture = archive.read(_beside(path, material.texture)) if material.texture else None
            tint = 1.0 if texture is None else _mean_grey(texture, f"{archive.path}:{path}")
            greys[key] = tint * material.grey
    return greys


def _beside(path: str, name: str) -> str:
    """Path of a named file in the folder of the mesh, whatever folder is stated; "" if unnamed."""
    last = PurePosixPath(name.strip().replace("\\", "/")).name
    return str(PurePosixPath(path).with_name(last)) if last else ""


def _mean_grey(image: bytes, where: str) -> float:
    """Mean luma of a texture, whose details are invisible at 64 pixels."""
    try:
        with opened_picture(image) as opened:
            return float(np.asarray(opened.convert("RGB")).mean((0, 1)) @ GREY_OF_RGB) / 255
    except DataError as error:
        raise DataError(f"a texture of {where} cannot be used: {error}; get it anew") from error


def _chair(path: Path, library: dict[str, str], piece: dict[str, str]) -> Chair:
    place = piece.get("model", "").lstrip("/")
    if not PurePosixPath(place).name:
        raise DataError(f"{path} cannot be used: {piece['name']!r} has no model; get it anew")
    try:
        stated = [float(word) for word in piece.get("modelRotation", "1 0 0 0 1 0 0 0 1").split()]
        rotation = np.array(stated).reshape(3, 3)
    except ValueError:
        raise DataError(
            f"{path} cannot be used: modelRotation of {place} is {piece['modelRotation']!r}, "
            f"expected nine numbers; get it anew"
        ) from None
    creator, licence = piece.get("creator", "unknown"), library.get("license", "unknown licence")
    return Chair(
        f"{path.stem}/{PurePosixPath(place).with_suffix('')}",
        f"{piece['name']} ({place}) by {creator}, {library.get('name', path.stem)}: {licence}",
        path,
        place,
        rotation,
    )


def _main_word(name: str) -> str:
    words = name.lower().partition(" with ")[0].split()
    return words[-1] if words else ""


def _number(path: Path, piece: str) -> int:
    try:
        return int(piece)
    except ValueError:
        raise DataError(
            f"{path} cannot be used: its catalogue has a piece #{piece}, expected a number; get it "
            f"anew"
        ) from None


def _properties(text: bytes) -> Iterator[tuple[str, str]]:
    """Keys and values of a Java properties file with one entry per line."""
    for line in text.decode("latin-1").splitlines():
        key, found, value = line.strip().partition("=")
        if found and not key.startswith(("#", "!")):
            yield key.strip(), re.sub(r"\\u([0-9a-fA-F]{4})", _character, value.strip())


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))
