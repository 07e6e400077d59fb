"""The package's compiled parts; all else is in pyproject.toml."""

from setuptools import Extension, setup

setup(
    # without a compiler they are left out; torch and NumPy do the same, only slower
    ext_modules=[
        Extension(
            "seatbelt_vae.objectives.mixtures._native",
            ["src/seatbelt_vae/objectives/mixtures/native.cpp"],
            extra_compile_args=["-std=gnu++20", "-O3", "-pthread", "-Wno-psabi"],
            extra_link_args=["-pthread"],
            optional=True,
        ),
        Extension(
            "seatbelt_vae.data.rendering._native",
            ["src/seatbelt_vae/data/rendering/native.cpp"],
            # contracted products would differ from NumPy's in the last bit
            extra_compile_args=["-std=gnu++20", "-O3", "-ffp-contract=off"],
            optional=True,
        ),
    ]
)
