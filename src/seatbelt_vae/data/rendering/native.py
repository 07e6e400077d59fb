"""Drawing in one loop of C++, if the package was installed where a compiler is."""

import ctypes
from functools import cache

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.compiled import compiled_part
from seatbelt_vae.data.rendering.scene import Scene

__all__ = ["by_native_code", "native_code"]


@cache
def native_code() -> ctypes.CDLL | None:
    """The compiled loop; None where the package was installed without a compiler."""
    library = compiled_part("seatbelt_vae.data.rendering")
    if library is None:
        return None
    pointer, integer, number = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
    library.render_mesh.argtypes = (
        integer,
        *(pointer,) * 6,
        integer,
        pointer,
        integer,
        *(number,) * 3,
        pointer,
    )
    library.render_mesh.restype = ctypes.c_int
    return library


def by_native_code(scene: Scene) -> NDArray[np.uint8]:
    """One picture a light, :math:`(L, side, side)`.

    Raises:
        MemoryError: there is too little.
    """
    library = native_code()
    assert library is not None
    mesh, look = scene.mesh, scene.look
    pictures = np.empty((len(scene.lights), scene.side, scene.side), np.uint8)
    arrays = (
        *(scene.points, scene.nearness),
        *(mesh.triangles, mesh.normals, mesh.corners, mesh.albedo),
    )
    failed = library.render_mesh(
        scene.side,
        *(array.ctypes.data for array in arrays),
        len(mesh.triangles),
        *(scene.lights.ctypes.data, len(scene.lights)),
        *(look.ambient, look.diffuse, look.background),
        pictures.ctypes.data,
    )
    if failed:
        raise MemoryError(f"no memory for pictures of {scene.side}×{scene.side} pixels")
    return pictures
