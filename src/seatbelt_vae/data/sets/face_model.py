"""The morphable face model of ICT-FaceKit: a mean face and identity modes.

Layout of a checkout: ``FaceXModel/generic_neutral_mesh.obj`` and ``identity000.obj`` …, each the
mean moved by one standard deviation of a mode.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.data.cache import is_there
from seatbelt_vae.data.readers.npz import NpzMember
from seatbelt_vae.data.readers.obj import ObjMesh, read_obj
from seatbelt_vae.data.readers.reading import reading
from seatbelt_vae.errors import DataError
from seatbelt_vae.randomness import DataStream

__all__ = ["FaceModel"]

_FOLDER, _NEUTRAL = "FaceXModel", "generic_neutral_mesh.obj"
# skin and eyeballs; teeth, lashes and eye films are invisible at 64 pixels
_DRAWN = ("M_Face", "M_IrisLeft", "M_IrisRight", "M_ScleraLeft", "M_ScleraRight")
_VERTICES, _TRIANGLES, _MODES = 12549, 24724, 100


@dataclass(frozen=True)
class FaceModel:
    """A linear model of faces: mean plus weighted modes.

    Args:
        mean: vertices of the mean face, :math:`(V, 3)`.
        modes: displacement by one standard deviation of each mode, :math:`(M, V, 3)`.
        triangles: vertex indices, :math:`(T, 3)`.
    """

    REDUCED_FILE: ClassVar[str] = "ict_face_f16.npz"

    mean: NDArray[np.float64]
    modes: NDArray[np.float64]
    triangles: NDArray[np.int64]

    @classmethod
    def files(cls, root: Path) -> tuple[Path, ...]:
        """The files of the model in a folder: the reduced file, or the mean and the modes.

        Raises:
            DataError: no such files.
        """
        reduced = root / cls.REDUCED_FILE
        if is_there(reduced):
            return (reduced,)
        folder = root / _FOLDER if is_there(root / _FOLDER) else root
        neutral = folder / _NEUTRAL
        modes = sorted(p for p in folder.glob("*.obj") if re.fullmatch(r"identity\d+\.obj", p.name))
        if not is_there(neutral) or not modes:
            raise DataError(
                f"{root} holds no ICT faces: expected {cls.REDUCED_FILE}, or a checkout of "
                f"https://github.com/ICT-VGL/ICT-FaceKit with {_FOLDER}/{_NEUTRAL} and "
                f"identity000.obj …"
            )
        return (neutral, *modes)

    @classmethod
    def of(cls, files: tuple[Path, ...]) -> "FaceModel":
        """Read the model from its files.

        Raises:
            DataError: an unreadable file, or files that do not match.
        """
        return cls._reduced(files[0]) if len(files) == 1 else cls._whole(*files)

    def identities(self, count: int) -> Iterator[NDArray[np.float64]]:
        """Vertices of random identities with N(0, 1) mode weights; the seed is fixed."""
        draws = DataStream.FACES.generator().standard_normal((count, len(self.modes)))
        for shares in draws:
            yield self.mean + np.tensordot(shares, self.modes, 1)

    @classmethod
    def _reduced(cls, path: Path) -> "FaceModel":
        mean, modes, triangles = (
            np.concatenate(list(NpzMember(path, name, (count, *rest), kind).blocks()))
            for name, count, rest, kind in (
                ("N", _VERTICES, (3,), np.float32),
                ("B", _MODES, (_VERTICES, 3), np.float16),
                ("T", _TRIANGLES, (3,), np.uint16),
            )
        )
        return cls(mean.astype(np.float64), modes.astype(np.float64), triangles.astype(np.int64))

    @classmethod
    def _whole(cls, neutral: Path, *modes: Path) -> "FaceModel":
        mesh = _read(neutral)
        drawn = [index for index, name in enumerate(mesh.materials) if name in _DRAWN]
        chosen = mesh.triangles[np.isin(mesh.material, drawn)]
        if not len(chosen):
            raise DataError(f"{neutral} has no polygon of {', '.join(_DRAWN)}: get it anew")
        used, corners = np.unique(chosen, return_inverse=True)
        moves = np.empty((len(modes), len(used), 3))
        for move, path in zip(moves, modes, strict=True):
            moved = _read(path).vertices
            if moved.shape != mesh.vertices.shape:
                raise DataError(
                    f"{path} has {len(moved)} vertices, {neutral.name} has {len(mesh.vertices)}: "
                    f"take both from one checkout"
                )
            move[:] = (moved - mesh.vertices)[used]
        return cls(mesh.vertices[used], moves, corners.reshape(chosen.shape))


def _read(path: Path) -> ObjMesh:
    with reading(path):
        return read_obj(path.read_bytes(), str(path))
