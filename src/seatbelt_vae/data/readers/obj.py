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

# statements of polygon meshes that say nothing about their shape
_PASSED_OVER = frozenset(
    {"vt", "vn", "vp", "g", "o", "s", "l", "p", "mtllib", "mg", "lod", "usemap"}
)
_LONGEST_QUOTE = 60


@dataclass(frozen=True)
class ObjMesh:
    """The polygons of a file, cut into triangles.

    Args:
        vertices: :math:`(V, 3)`.
        triangles: indices of their corners, :math:`(T, 3)`.
        material: of each triangle, an index into `materials`, :math:`(T)`.
        materials: their names; "" where none was chosen.
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]
    material: NDArray[np.int64]
    materials: tuple[str, ...]


@dataclass(frozen=True)
class Material:
    """What is known of a surface.

    Args:
        grey: brightness in white light of its diffuse colour, from 0 to 1.
        texture: name of the image its diffuse colour is multiplied by, if there is one.
    """

    grey: float = 0.8
    texture: str = ""


def read_obj(content: bytes, name: str) -> ObjMesh:
    """Vertices and polygons of a mesh; polygons are cut into fans, texture and normals left out.

    Args:
        content: the file's bytes.
        name: what to call the file in errors.

    Raises:
        DataError: a line that is no statement of a polygon mesh, numbers that are none or not
            finite, an index that names no vertex, no vertex or no polygon.

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
    """The materials of a file.

    Args:
        content: the file's bytes.
        name: what to call the file in errors.

    Raises:
        DataError: a colour before any material, or that is not three finite numbers.

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
                # with options before it, the file's name is the last word; else it may have spaces
                texture = line.words[-1] if line.rest.startswith("-") else line.rest
                materials[current] = replace(materials[current], texture=texture)
    return materials


@dataclass(frozen=True)
class _Line:
    """A statement, where it stands, and what can be asked of its words."""

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
        # nan and infinity are read as numbers, but compare with nothing
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
        # polygons of two vertices are found in published files: they are edges, and cover nothing
        if len(found) < 2 or 0 in stated or min(found) < 0:
            raise self.bad("the vertices of a polygon, counted from 1 or from -1")
        return found

    def bad(self, expected: str) -> DataError:
        text = " ".join(self.words)[:_LONGEST_QUOTE]
        return DataError(
            f"{self.name}, line {self.number}: got {text!r}, expected {expected}; get the file anew"
        )


def _statements(content: bytes, name: str) -> Iterator[_Line]:
    # names of materials may be in any encoding, and only need to be told apart
    for number, text in enumerate(content.decode("latin-1").split("\n"), start=1):
        words = text.partition("#")[0].split()
        if words:
            yield _Line(name, number, words)
