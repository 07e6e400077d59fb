"""The package's compiled parts; all else is in pyproject.toml."""

from pathlib import Path

from setuptools import Extension, setup


def compiled(room: str, *options: str) -> Extension:
    """The library ``_native`` of a room, from its ``native.cpp``."""
    return Extension(
        f"seatbelt_vae.{room}._native",
        [f"src/seatbelt_vae/{room.replace('.', '/')}/native.cpp"],
        extra_compile_args=["-std=gnu++20", "-O3", "-pthread", "-Wno-psabi", *options],
        extra_link_args=["-pthread"],
        include_dirs=["src/seatbelt_vae"],
        depends=[str(header) for header in sorted(Path("src").rglob("*.hpp"))],
        # without a compiler it is left out; torch and NumPy do the same, only slower
        optional=True,
    )


setup(
    ext_modules=[
        # contracted products would differ from NumPy's in the last bit
        compiled("data.rendering", "-ffp-contract=off"),
        compiled("models.ends"),
        compiled("models.normalised"),
        compiled("objectives.mixtures"),
        compiled("optim.memory"),
    ]
)
