"""Drawing by the compiled kernel."""

from dataclasses import asdict

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
        **{name: getattr(scene, name) for name in ("side", "points", "nearness", "lights")},
        **{name: getattr(mesh, name) for name in ("triangles", "normals", "corners", "albedo")},
        **asdict(look),
    )
    return pictures
