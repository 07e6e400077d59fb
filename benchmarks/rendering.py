"""Pictures drawn per second on one core, by the kernel and by NumPy.

    python -m benchmarks.rendering --json

Spheres with as many triangles as the median chair of the Debian package and as an ICT face, at
64×64 pixels with 16 samples each; a face under 11 lights, which share what is visible.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine
from seatbelt_vae.data.rendering import Camera, Look, Mesh
from seatbelt_vae.data.rendering.drawing_kernel import by_kernel
from seatbelt_vae.data.rendering.rasteriser import by_arrays
from seatbelt_vae.data.rendering.scene import Scene
from seatbelt_vae.kernels import RASTERISER

_SIZES = {"chair": (6_000, 1), "face": (24_724, 11)}
"""Triangles, and lights."""


def sphere(triangles: int) -> Mesh:
    """A sphere of about so many triangles."""
    rings = round((triangles / 4) ** 0.5) + 1
    polar, around = np.meshgrid(
        np.linspace(0, np.pi, rings), np.linspace(0, 2 * np.pi, 2 * rings), indexing="ij"
    )
    points = np.stack(
        [np.sin(polar) * np.cos(around), np.cos(polar), np.sin(polar) * np.sin(around)], axis=-1
    )
    row, column = np.meshgrid(np.arange(rings - 1), np.arange(2 * rings - 1), indexing="ij")
    first = (row * 2 * rings + column).ravel()
    corners = np.stack([first, first + 1, first + 2 * rings, first + 2 * rings + 1], axis=1)
    return Mesh(points.reshape(-1, 3), corners[:, [0, 1, 2, 1, 3, 2]].reshape(-1, 3), smooth=True)


def images_a_second(
    draw: Callable[[Scene], NDArray[np.uint8]], mesh: Mesh, lights: int, seconds: float
) -> float:
    """From many sides, the projection included."""
    towards = np.random.default_rng(0).normal(size=(lights, 3))
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        camera = Camera(azimuth=37.0 * count, elevation=20, zoom=0.7)
        count += len(draw(Scene.of(mesh, camera, towards, Look(), 64)))
    return count / (time.perf_counter() - began)


def measure(seconds: float) -> Iterator[dict[str, Any]]:
    """One row a kind of mesh."""
    for name, (triangles, lights) in _SIZES.items():
        mesh = sphere(triangles)
        row: dict[str, Any] = {"mesh": name, "triangles": len(mesh.triangles), "lights": lights}
        row["images_a_second_numpy"] = images_a_second(by_arrays, mesh, lights, seconds)
        if RASTERISER.is_built():
            row["images_a_second"] = images_a_second(by_kernel, mesh, lights, seconds)
        yield row


def main() -> None:
    """Print a row for each kind of mesh."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="for each figure")
    parser.add_argument("--json", action="store_true", help="one JSON row a line, else a summary")
    arguments = parser.parse_args()
    for found in measure(arguments.seconds):
        row = {"benchmark": "rendering", **found, **machine()}
        print(json.dumps(row) if arguments.json else _summary(row), flush=True)


def _summary(row: dict[str, Any]) -> str:
    native = f"{row['images_a_second']:,.0f}" if "images_a_second" in row else "no"
    return (
        f"{row['mesh']:6} {row['triangles']:6,} triangles, {row['lights']:2} lights: {native} "
        f"images/s compiled, {row['images_a_second_numpy']:,.0f} by NumPy, on one core"
    )


if __name__ == "__main__":
    main()
