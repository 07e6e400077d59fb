"""Small grey pictures of meshes: z-buffer, 4×4 samples per pixel, two-sided Lambert shading."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatbelt_vae.data.rendering.camera import Camera
from seatbelt_vae.data.rendering.drawing_kernel import by_kernel
from seatbelt_vae.data.rendering.mesh import Mesh
from seatbelt_vae.data.rendering.rasteriser import by_arrays
from seatbelt_vae.data.rendering.scene import Look, Scene
from seatbelt_vae.kernels import RASTERISER

__all__ = ["Camera", "Look", "Mesh", "render"]


def render(
    mesh: Mesh, camera: Camera, lights: ArrayLike, look: Look | None = None, side: int = 64
) -> NDArray[np.uint8]:
    """Render a mesh from one camera, one picture per light, :math:`(L, side, side)`.

    Visibility is computed once for all lights, by a kernel if the package was built with a
    compiler, else by NumPy. Both give the same bits.

    Args:
        mesh: the mesh.
        camera: the camera.
        lights: directions towards each light from the camera's view: right, up, towards the
            viewer; :math:`(L, 3)`.
        look: shading parameters.
        side: side of the pictures in pixels, at most 2048.

    Raises:
        DataError: the side is out of range, the camera is inside the mesh, a vertex projects far
            outside the picture, or a light has no direction.

    Example:
        >>> square = Mesh([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], [[0, 1, 2], [0, 2, 3]])
        >>> render(square, Camera(0, 0, zoom=0.5), [[0, 0, 1]], Look(background=0), side=4)[0]
        array([[  0,   0,   0,   0],
               [  0, 255, 255,   0],
               [  0, 255, 255,   0],
               [  0,   0,   0,   0]], dtype=uint8)
    """
    scene = Scene.of(mesh, camera, lights, look or Look(), side)
    return by_kernel(scene) if RASTERISER.is_built() else by_arrays(scene)
