"""Drawing by the compiled kernel."""

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.data.rendering.scene import Scene
from seatbelt_vae.kernels import RASTERISER

__all__ = ["by_kernel"]


def by_kernel(scene: Scene) -> NDArray[np.uint8]:
    """One picture per light, :math:`(L, side, side)`.

    Raises:
        MemoryError: there is too little.
    """
    mesh, look = scene.mesh, scene.look
    pictures: NDArray[np.uint8]
    (pictures,) = RASTERISER(
        "render",
        side=scene.side,
        points=scene.points,
        nearness=scene.nearness,
        triangles=mesh.triangles,
        normals=mesh.normals,
        corners=mesh.corners,
        albedo=mesh.albedo,
        lights=scene.lights,
        ambient=look.ambient,
        diffuse=look.diffuse,
        background=look.background,
    )
    return pictures
