"""The compiled library, loaded once; it must be built from the sources in this folder."""

import ctypes
import logging
from functools import cache
from pathlib import Path

from seatbelt_vae.kernels.sources import LIBRARY, source_digest

__all__ = ["fallback", "library", "load_library", "omp_team", "warn_unused"]

logger = logging.getLogger(__name__)


_FOLDER = Path(__file__).parent
_ABSENT = "are not installed"


@cache
def library() -> ctypes.CDLL | None:
    """The library; None if the package was installed without a C++ compiler.

    A library that exists and is unusable is logged as a warning, once.
    """
    found = _found()
    if isinstance(found, str):
        if found != _ABSENT:
            warn_unused(found)
        return None
    return found


def fallback() -> str | None:
    """The reason for not using the kernels, and the remedy; None if they are used."""
    found = _found()
    return _sentence(found) if isinstance(found, str) else None


@cache
def _found() -> ctypes.CDLL | str:
    path = _FOLDER / LIBRARY
    return load_library(path, _FOLDER) if path.exists() else _ABSENT


def load_library(path: Path, sources: Path) -> ctypes.CDLL | str:
    """The library at ``path``, or the reason for not using it.

    Args:
        path: the shared object.
        sources: the folder of the C++ files of the library. A folder without C++ files is not
            compared.
    """
    try:
        loaded = ctypes.CDLL(str(path))
        loaded.source_digest.restype = ctypes.c_char_p
        built_from: bytes = loaded.source_digest()
    except (OSError, AttributeError) as error:
        return f"cannot be loaded ({error})"
    if source_digest(sources) not in (None, built_from.decode()):
        return "were built from other sources"
    return loaded


def warn_unused(reason: str) -> None:
    """Log the reason for not using the kernels, and the remedy."""
    logger.warning("%s", _sentence(reason))


def _sentence(reason: str) -> str:
    return (
        f"the compiled kernels {reason}; slower PyTorch and NumPy code is used: install the "
        f"package again with a C++ compiler, GCC 12 or later (in a checkout: python setup.py "
        f"build_ext --inplace --force)"
    )


@cache
def omp_team() -> int | None:
    """Address of ``GOMP_parallel`` in torch's OpenMP runtime; None if torch uses another runtime.

    The threads of torch spin for milliseconds after every operator. Additional threads would
    compete for the cores, which costs a tenth of a training step.
    """
    import torch

    try:
        function = ctypes.CDLL(torch._C.__file__).GOMP_parallel
    except (AttributeError, OSError):
        return None
    return ctypes.cast(function, ctypes.c_void_p).value
