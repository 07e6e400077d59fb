"""The package's one compiled part; all else is in pyproject.toml."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "seatbelt_vae.objectives.mixtures._native",
            ["src/seatbelt_vae/objectives/mixtures/native.cpp"],
            extra_compile_args=["-std=gnu++20", "-O3", "-pthread", "-Wno-psabi"],
            extra_link_args=["-pthread"],
            # without a compiler it is left out; torch's own operations do the same, only slower
            optional=True,
        )
    ]
)
