"""The package's compiled parts; all else is in pyproject.toml."""

from setuptools import Extension, setup


def compiled(room: str) -> Extension:
    """The library ``_native`` of a room, from its ``native.cpp``."""
    return Extension(
        f"seatbelt_vae.{room}._native",
        [f"src/seatbelt_vae/{room.replace('.', '/')}/native.cpp"],
        extra_compile_args=["-std=gnu++20", "-O3", "-pthread", "-Wno-psabi"],
        extra_link_args=["-pthread"],
        # without a compiler it is left out; torch's own operations do the same, only slower
        optional=True,
    )


setup(ext_modules=[compiled("models.normalised"), compiled("objectives.mixtures")])
