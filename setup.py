"""The compiled kernels; all other metadata is in pyproject.toml."""

import os
import runpy
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

KERNELS = Path("src/seatbelt_vae/kernels")
sources = runpy.run_path(str(KERNELS / "sources.py"))


class BuildLibrary(build_ext):
    """A plain shared library without the Python API, named the same for every Python."""

    def get_ext_filename(self, fullname):
        return str(Path(*fullname.split(".")).with_name(sources["LIBRARY"]))

    def get_export_symbols(self, ext):
        return ext.export_symbols


class AnyPythonWheel(bdist_wheel):
    """One wheel per platform, for every Python."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


setup(
    cmdclass={"bdist_wheel": AnyPythonWheel, "build_ext": BuildLibrary},
    ext_modules=[
        Extension(
            "seatbelt_vae.kernels._native",
            [str(source) for source in sorted(KERNELS.glob("*.cpp"))],
            depends=[str(header) for header in sorted(KERNELS.glob("*.hpp"))],
            define_macros=[("SEATBELT_SOURCES", sources["source_digest"](KERNELS))],
            extra_compile_args=["-std=gnu++20", "-O3", "-pthread", "-Wno-psabi"],
            extra_link_args=["-pthread"],
            # without a compiler the extension is left out; PyTorch and NumPy do the same, slower
            optional="SEATBELT_KERNELS" not in os.environ,
        )
    ],
)
