"""The compiled library, loaded once; it must be built from the sources in this folder."""

import ctypes
import logging
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from seatbelt_vae.kernels.sources import source_digest

__all__ = ["library", "load_library", "omp_team", "warn_unused"]

logger = logging.getLogger(__name__)


@cache
def library() -> ctypes.CDLL | None:
    """The library; None if the package was installed without a C++ compiler."""
    spec = find_spec("seatbelt_vae.kernels._native")
    if spec is None or spec.origin is None:
        return None
    return load_library(Path(spec.origin), Path(__file__).parent)


def load_library(path: Path, sources: Path) -> ctypes.CDLL | None:
    """The library at ``path``; None, with a warning, if it is unusable.

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
        warn_unused(f"cannot be loaded ({error})")
        return None
    if source_digest(sources) not in (None, built_from.decode()):
        warn_unused("were built from other sources")
        return None
    return loaded


def warn_unused(reason: str) -> None:
    """Log the reason for not using the kernels, and the remedy."""
    logger.warning(
        "the compiled kernels %s; slower PyTorch and NumPy code is used: install the package again "
        "(in a checkout: python setup.py build_ext --inplace --force)",
        reason,
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
