"""The installation on this machine: versions, kernels, caches, disks and devices."""

import os
import platform
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from seatbelt_vae.data.cache import cache_folder, user_caches
from seatbelt_vae.data.readers.datasets_library import library_cache
from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.kernels.library import fallback
from seatbelt_vae.parallel.operating_system import available_cores, processor_name

__all__ = ["ADDED_BY_EXTRA", "inspect_installation"]

_DISTRIBUTION = "seatbelt-vae"

ADDED_BY_EXTRA = {
    "app": "attacks in the browser, `seatbelt-vae app`",
    "hdf5": "data sets in HDF5 files",
    "hub": "data sets of the Hugging Face Hub, --data hf:NAME",
    "cluster": "sweeps on a Ray cluster, --engine ray",
    "diffusers": "models saved by diffusers",
    "pythae": "models saved by pythae",
    "benchmarks": "comparisons with other attack libraries",
    "docs": "the documentation site, `make docs`",
    "test": "the test suite",
}
"""The purpose of each extra of the distribution."""

_VARIABLES = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES"),
    *("SEATBELT_CACHE", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE"),
)


def inspect_installation() -> Iterator[tuple[str, Any]]:
    """Name and content of each section, as JSON values; only the last section imports torch.

    Example:
        >>> dict(zip(range(3), (name for name, _ in inspect_installation())))
        {0: 'package', 1: 'python', 2: 'system'}
    """
    yield (
        "package",
        {
            "version": _version(_DISTRIBUTION),
            "folder": str(Path(__file__).parent),
        },
    )
    yield (
        "python",
        {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
        },
    )
    yield (
        "system",
        {
            "platform": platform.platform(),
            "processor": processor_name() or platform.machine(),
            "cores": os.cpu_count(),
            "usable_cores": available_cores(),
            "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
        },
    )
    yield "kernels", {"used": fallback() is None, "fallback": fallback()}
    requirements = _requirements()
    yield "packages", [_package(one) for one in requirements if _is_needed(one)]
    yield "extras", [_extra(name, requirements) for name in _provided_extras()]
    yield "folders", [_folder(*place) for place in _FOLDERS.items()]
    yield "torch", _torch()


def _requirements() -> list[Requirement]:
    """Requirements of the installed distribution; empty in a checkout that is not installed."""
    try:
        return [Requirement(line) for line in metadata.requires(_DISTRIBUTION) or ()]
    except metadata.PackageNotFoundError:
        return []


def _provided_extras() -> list[str]:
    try:
        return metadata.metadata(_DISTRIBUTION).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return []


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _is_needed(requirement: Requirement, extra: str = "") -> bool:
    """Whether this system needs a requirement, without extras or with one."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _package(requirement: Requirement) -> dict[str, Any]:
    """The installed version of a package, None if it is missing, and whether it is accepted."""
    version = _version(requirement.name)
    return {
        "name": requirement.name,
        "version": version,
        "expected": str(requirement.specifier),
        "accepted": version is not None and requirement.specifier.contains(version, True),
    }


def _extra(name: str, requirements: list[Requirement]) -> dict[str, Any]:
    added = [one for one in requirements if _is_needed(one, name) and not _is_needed(one)]
    packages = [_package(one) for one in added]
    return {
        "name": name,
        "adds": ADDED_BY_EXTRA.get(name),
        "installed": all(package["accepted"] for package in packages),
        "packages": packages,
    }


def _hub_cache() -> Path:
    """The cache of huggingface_hub, by its rule, without importing it."""
    chosen = os.environ.get("HF_HUB_CACHE")
    home = chosen or os.environ.get("HF_HOME") or user_caches("HF_HOME") / "huggingface"
    return Path(home) if chosen else Path(home) / "hub"


_FOLDERS: dict[str, tuple[Callable[[], Path], bool]] = {
    "working folder": (Path.cwd, False),
    "temporary files": (lambda: Path(tempfile.gettempdir()), False),
    "prepared data sets": (cache_folder, True),
    "data sets of the Hub": (library_cache, True),
    "models of the Hub": (_hub_cache, True),
}
"""Where the package writes, and whether the folder is a cache."""


def _folder(name: str, place: tuple[Callable[[], Path], bool]) -> dict[str, Any]:
    """Path, size of a cache, and free space of one folder; None if unknown."""
    facts: dict[str, Any] = dict.fromkeys(("path", "bytes", "free_bytes", "problem"))
    find, is_cache = place
    try:
        path = find().absolute()
        facts["path"] = str(path)
        facts["bytes"] = _size(path) if is_cache else None
        existing = next(folder for folder in (path, *path.parents) if folder.exists())
        facts["free_bytes"] = shutil.disk_usage(existing).free
        facts["problem"] = None if os.access(existing, os.W_OK) else "not writable"
    except SeatbeltError as error:
        facts["problem"] = str(error)
    except OSError as error:
        facts["problem"] = error.strerror or str(error)
    return {"name": name, **facts}


def _size(folder: Path) -> int:
    """Bytes of the files below a folder. Links count as links; unreadable folders are skipped."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(parent, name).lstat().st_size
    return total


def _torch() -> dict[str, Any]:
    """Threads, instruction set and devices of torch; the reason if it cannot be imported."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return {"problem": f"torch cannot be imported: {' '.join(str(error).split())}"}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        devices = [torch.cuda.get_device_properties(number) for number in range(count)]
    return {
        "version": torch.__version__,
        "threads": torch.get_num_threads(),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "cuda": torch.version.cuda,
        "gpus": [{"name": one.name, "bytes": one.total_memory} for one in devices],
        "mps": torch.backends.mps.is_available(),
        "warnings": [" ".join(str(warning.message).split()) for warning in caught],
        "problem": None,
    }
