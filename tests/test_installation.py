"""Facts of the installation: each against another source, and on machines that lack something."""

import os
import shutil
import tomllib
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from seatbelt_vae import installation
from seatbelt_vae.installation import ADDED_BY_EXTRA, inspect_installation

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture
def distribution(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requirements of the installed distribution, which a test may change."""
    requirements = ["numpy>=2.0", "torch>=2.11", "h5py>=3; extra == 'hdf5'"]
    monkeypatch.setattr(installation.metadata, "requires", lambda _: requirements)
    monkeypatch.setattr(
        installation.metadata,
        "metadata",
        lambda _: SimpleNamespace(get_all=lambda _: ["hdf5", "other"]),
    )
    return requirements


def found() -> dict[str, Any]:
    return dict(inspect_installation())


def test_every_extra_has_its_purpose() -> None:
    assert set(ADDED_BY_EXTRA) == set(PROJECT["optional-dependencies"])


def test_facts_are_those_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    facts = found()
    assert facts["package"]["version"] == metadata.version("seatbelt-vae")
    assert Path(facts["package"]["folder"], "installation.py").is_file()
    system = facts["system"]
    assert (system["cores"], system["usable_cores"]) == (
        os.cpu_count(),
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    )
    assert system["variables"]["OMP_NUM_THREADS"] == os.environ["OMP_NUM_THREADS"]
    assert facts["torch"]["version"] == torch.__version__
    assert facts["torch"]["threads"] == torch.get_num_threads()
    assert len(facts["torch"]["gpus"]) == torch.cuda.device_count()
    working = facts["folders"][0]
    assert working["path"] == str(tmp_path)
    assert working["free_bytes"] == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)
    assert working["problem"] is working["bytes"] is None


def test_caches_follow_the_variables_and_links_are_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {
        "SEATBELT_CACHE": "prepared data sets",
        "HF_DATASETS_CACHE": "data sets of the Hub",
        "HF_HUB_CACHE": "models of the Hub",
    }
    for size, variable in enumerate(places, start=1):
        folder = tmp_path / variable
        (folder / "below").mkdir(parents=True)
        (folder / "below" / "file").write_bytes(bytes(1000 * size))
        monkeypatch.setenv(variable, str(folder))
    link = tmp_path / "SEATBELT_CACHE" / "link"
    link.symlink_to(tmp_path / "HF_HUB_CACHE" / "below" / "file")
    sizes = {folder["name"]: folder["bytes"] for folder in found()["folders"]}
    assert sizes["prepared data sets"] == 1000 + link.lstat().st_size
    assert sizes["data sets of the Hub"] == 2000
    assert sizes["models of the Hub"] == 3000
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    paths = {folder["name"]: folder["path"] for folder in found()["folders"]}
    assert paths["models of the Hub"] == str(tmp_path / "home" / "hub")


def test_the_caches_are_those_of_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    from huggingface_hub import constants

    for variable in ("HF_HUB_CACHE", "HF_DATASETS_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    paths = {folder["name"]: folder["path"] for folder in found()["folders"]}
    assert paths["models of the Hub"] == constants.HF_HUB_CACHE
    assert paths["data sets of the Hub"] == str(datasets.config.HF_DATASETS_CACHE)


def test_a_user_without_a_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    for variable in ("SEATBELT_CACHE", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    folders = {folder["name"]: folder for folder in found()["folders"]}
    assert folders["prepared data sets"]["problem"] == (
        "this user has no home folder for cache files: set SEATBELT_CACHE to a folder"
    )
    assert folders["models of the Hub"]["path"] is None


def test_a_working_folder_that_was_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert found()["folders"][0]["problem"] == "No such file or directory"


def test_a_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert found()["folders"][0]["problem"] == "not writable"


def test_versions_are_compared_with_the_requirements(distribution: list[str]) -> None:
    distribution[:] = [
        "numpy>=2.0",
        "numpy>=99",
        "no-such-package",
        "wine; sys_platform == 'beos'",
        "h5py>=99; extra == 'hdf5'",
        "numpy>=1; extra == 'other'",
        "numpy>=99; extra == 'other' and sys_platform == 'beos'",
    ]
    facts = found()
    rows = [(one["name"], one["version"], one["accepted"]) for one in facts["packages"]]
    numpy = metadata.version("numpy")
    assert rows == [
        ("numpy", numpy, True),
        ("numpy", numpy, False),
        ("no-such-package", None, False),
    ]
    hdf5, other = facts["extras"]
    assert (hdf5["installed"], hdf5["adds"]) == (False, "data sets in HDF5 files")
    assert (other["installed"], other["adds"]) == (True, None)
    assert [package["expected"] for package in other["packages"]] == [">=1"]


def test_a_checkout_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_: str) -> Any:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(installation.metadata, "version", nothing)
    monkeypatch.setattr(installation.metadata, "requires", nothing)
    monkeypatch.setattr(installation.metadata, "metadata", nothing)
    facts = found()
    assert facts["packages"] == facts["extras"] == []
    assert facts["package"]["version"] is None


def test_gpus_and_the_reason_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def unusable() -> bool:
        import warnings

        warnings.warn("the NVIDIA driver\nis too old", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", unusable)
    facts = found()["torch"]
    assert (facts["gpus"], facts["warnings"]) == ([], ["the NVIDIA driver is too old"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    card = SimpleNamespace(name="H200", total_memory=2**37)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: card)
    assert found()["torch"]["gpus"] == [{"name": "H200", "bytes": 2**37}] * 2
