"""Wavefront .obj meshes and their .mtl materials, read from bytes in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.errors import DataError

__all__ = ["GREY_OF_RGB", "Material", "ObjMesh", "read_mtl", "read_obj"]

GREY_OF_RGB = (0.299, 0.587, 0.114)
"""Luma of ITU-R BT.601."""

# statements of polygon meshes that do not affect their shape
_PASSED_OVER = frozenset(
    {"vt", "vn", "vp", "g", "o", "s", "l", "p", "mtllib", "mg", "lod", "usemap"}
)
_LONGEST_QUOTE = 60


@dataclass(frozen=True)
class ObjMesh:
    """The polygons of a file as triangles.

    Args:
        vertices: :math:`(V, 3)`.
        triangles: indices of their corners, :math:`(T, 3)`.
        material: index into `materials` of each triangle, :math:`(T)`.
        materials: names of the materials; "" if a triangle has none.
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]
    material: NDArray[np.int64]
    materials: tuple[str, ...]


@dataclass(frozen=True)
class Material:
    """The material of a surface.

    Args:
        grey: luma of its diffuse colour, from 0 to 1.
        texture: file name of its diffuse texture, if it has one.
    """

    grey: float = 0.8
    texture: str = ""


def read_obj(content: bytes, name: str) -> ObjMesh:
    """Read vertices and polygons of a mesh; polygons are split into triangle fans.

    Args:
        content: the file's bytes.
        name: name of the file in error messages.

    Raises:
        DataError: an unknown statement, an invalid or non-finite number, a vertex index out of
            range, no vertex, or no polygon.

    Example:
        >>> read_obj(b"v 0 0 0\\nv 1 0 0\\nv 1 1 0\\nv 0 1 0\\nf -4 -3 -2 -1", "a").triangles
        array([[0, 1, 2],
               [0, 2, 3]])
    """
    vertices: list[list[float]] = []
    triangles: list[tuple[int, int, int]] = []
    material: list[int] = []
    lines: list[int] = []
    materials = {"": 0}
    chosen = 0
    for line in _statements(content, name):
        match line.words[0]:
            case "v":
                vertices.append(line.numbers(3))
            case "f":
                corners = line.corners(len(vertices))
                fan = [(corners[0], b, c) for b, c in pairwise(corners[1:])]
                triangles += fan
                material += [chosen] * len(fan)
                lines += [line.number] * len(fan)
            case "usemtl":
                chosen = materials.setdefault(line.rest, len(materials))
            case other if other not in _PASSED_OVER:
                raise line.bad("a statement of a polygon mesh: v, f, usemtl, …")
    if not vertices or not triangles:
        raise DataError(
            f"{name} has {len(vertices)} vertices and {len(triangles)} triangles, expected a mesh "
            f"of polygons; get the file anew"
        )
    indices = np.array(triangles)
    beyond = np.flatnonzero(indices.max(1) >= len(vertices))
    if len(beyond):
        raise DataError(
            f"{name}, line {lines[beyond[0]]}: a polygon names vertex "
            f"{indices[beyond[0]].max() + 1}, the file has {len(vertices)}; get it anew"
        )
    return ObjMesh(np.array(vertices), indices, np.array(material), tuple(materials))


def read_mtl(content: bytes, name: str) -> dict[str, Material]:
    """Read the materials of a file.

    Args:
        content: the file's bytes.
        name: name of the file in error messages.

    Raises:
        DataError: a colour before the first material, or a colour without three finite numbers.

    Example:
        >>> read_mtl(b"newmtl oak\\nKd 1 0.5 0", "a")
        {'oak': Material(grey=0.5925, texture='')}
    """
    materials: dict[str, Material] = {}
    current = ""
    for line in _statements(content, name):
        match line.words[0]:
            case "newmtl":
                current = line.rest
                materials[current] = Material()
            case "Kd" | "map_Kd" if not materials:
                raise line.bad("newmtl before any colour")
            case "Kd":
                colour = np.clip(line.numbers(3), 0, 1)
                grey = round(float(colour @ GREY_OF_RGB), 6)
                materials[current] = replace(materials[current], grey=grey)
            case "map_Kd":
                # after options the file name is the last word; without options it may hold spaces
                texture = line.words[-1] if line.rest.startswith("-") else line.rest
                materials[current] = replace(materials[current], texture=texture)
    return materials


@dataclass(frozen=True)
class _Line:
    """A statement with its line number, and the parsing of its words."""

    name: str
    number: int
    words: list[str]

    @property
    def rest(self) -> str:
        return " ".join(self.words[1:])

    def numbers(self, count: int) -> list[float]:
        try:
            found = [float(word) for word in self.words[1 : 1 + count]]
        except ValueError:
            found = []
        # the comparison also rejects NaN and infinity
        if len(found) < count or not all(abs(value) < 1e12 for value in found):
            raise self.bad(f"{count} finite numbers")
        return found

    def corners(self, so_far: int) -> list[int]:
        """Indices of a polygon's vertices from 0; negative ones count from the latest vertex."""
        try:
            stated = [int(word.partition("/")[0]) for word in self.words[1:]]
        except ValueError:
            stated = []
        found = [index - 1 if index > 0 else so_far + index for index in stated]
        # published files hold polygons of two vertices: they are edges without area
        if len(found) < 2 or 0 in stated or min(found) < 0:
            raise self.bad("the vertices of a polygon, counted from 1 or from -1")
        return found

    def bad(self, expected: str) -> DataError:
        text = " ".join(self.words)[:_LONGEST_QUOTE]
        return DataError(
            f"{self.name}, line {self.number}: got {text!r}, expected {expected}; get the file anew"
        )


def _statements(content: bytes, name: str) -> Iterator[_Line]:
    # latin-1 decodes any bytes; names of materials are only compared
    for number, text in enumerate(content.decode("latin-1").split("\n"), start=1):
        words = text.partition("#")[0].split()
        if words:
            yield _Line(name, number, words)
