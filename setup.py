"""The compiled kernels; all other metadata is in pyproject.toml."""

import runpy
from pathlib import Path

from setuptools import Extension, setup

KERNELS = Path("src/seatbelt_vae/kernels")
source_digest = runpy.run_path(str(KERNELS / "sources.py"))["source_digest"]

setup(
    ext_modules=[
        Extension(
            "seatbelt_vae.kernels._native",
            [str(source) for source in sorted(KERNELS.glob("*.cpp"))],
            depends=[str(header) for header in sorted(KERNELS.glob("*.hpp"))],
            define_macros=[("SEATBELT_SOURCES", source_digest(KERNELS))],
            extra_compile_args=["-std=gnu++20", "-O3", "-pthread", "-Wno-psabi"],
            extra_link_args=["-pthread"],
            # without a compiler the extension is left out; PyTorch and NumPy do the same, slower
            optional=True,
        )
    ]
)
