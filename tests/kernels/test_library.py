"""Loading of the compiled kernels: absent, broken, built from other sources, and their threads."""

import ctypes
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from seatbelt_vae import kernels
from seatbelt_vae.kernels import MIXTURES
from seatbelt_vae.kernels import library as library_module
from seatbelt_vae.kernels.catalogue import KERNELS
from seatbelt_vae.kernels.library import fallback, library, load_library, omp_team
from seatbelt_vae.kernels.sources import LIBRARY, source_digest

SOURCES = Path(kernels.__file__).parent
compiled = pytest.mark.skipif(library() is None, reason="built without a compiler")


def test_the_kernels_are_built_wherever_the_library_is():
    assert {kernel.is_built() for kernel in KERNELS} == {library() is not None}


@pytest.fixture
def native(monkeypatch):
    """Look for the compiled library in another folder."""

    def place(folder):
        monkeypatch.setattr(library_module, "_FOLDER", folder)
        clear()

    def clear():
        library.cache_clear()
        library_module._found.cache_clear()

    yield place
    monkeypatch.undo()
    clear()


def test_a_library_of_another_machine_is_not_used(tmp_path, caplog, native):
    (tmp_path / LIBRARY).write_bytes(b"\x7fELF of no machine")
    native(tmp_path)
    assert library() is library() is None
    (record,) = caplog.records
    assert record.getMessage().startswith("the compiled kernels cannot be loaded (")
    assert record.getMessage() == fallback()


def test_a_missing_library_is_stated_and_not_logged(tmp_path, caplog, native):
    native(tmp_path)
    assert library() is None
    assert fallback() == (
        "the compiled kernels are not installed; slower PyTorch and NumPy code is used: install "
        "the package again with a C++ compiler, GCC 12 or later (in a checkout: python setup.py "
        "build_ext --inplace --force)"
    )
    assert not caplog.records


@compiled
def test_a_library_of_other_sources_is_not_used(tmp_path):
    path = Path(library()._name)
    for file in (*SOURCES.glob("*.cpp"), *SOURCES.glob("*.hpp")):
        shutil.copy(file, tmp_path)
    assert isinstance(load_library(path, tmp_path), ctypes.CDLL)
    with (tmp_path / "lanes.hpp").open("a") as header:
        header.write("\n")
    assert load_library(path, tmp_path) == "were built from other sources"


@compiled
def test_used_kernels_have_no_fallback():
    assert fallback() is None


@compiled
def test_sources_that_are_not_installed_are_not_compared(tmp_path):
    assert isinstance(load_library(Path(library()._name), tmp_path), ctypes.CDLL)


def test_the_digest_depends_on_names_and_contents(tmp_path):
    assert source_digest(tmp_path) is None
    found = set()
    for name, content in (("a.cpp", "1"), ("a.cpp", "2"), ("b.hpp", ""), ("a.cpp", "")):
        (tmp_path / name).write_text(content)
        found.add(source_digest(tmp_path))
    assert len(found) == 4
    (tmp_path / "c.py").touch()
    assert source_digest(tmp_path) in found


@compiled
@pytest.mark.parametrize(
    "change",
    [{"passes": {"forget": "z -> joint"}}, {"shapes": {"pears": "rows"}}, {"name": "apples"}],
    ids=["pass", "field", "kernel"],
)
def test_a_kernel_that_the_library_has_not_is_not_used(change, caplog):
    other = replace(MIXTURES, **change)
    assert not other.is_built()
    assert not other.is_built()
    (record,) = caplog.records
    assert record.getMessage().startswith("the compiled kernels have other fields or passes of ")


def test_without_a_library_there_are_no_kernels(monkeypatch):
    monkeypatch.setattr("seatbelt_vae.kernels.kernel.library", lambda: None)
    assert not any(kernel.is_built() for kernel in KERNELS)


@pytest.mark.skipif(
    sys.platform != "linux" or not torch.backends.openmp.is_available(),
    reason="torch runs on another OpenMP here",
)
def test_the_threads_are_those_that_torch_runs_on():
    address = omp_team()
    assert address is not None
    work_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    team = ctypes.CFUNCTYPE(None, work_type, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)(address)
    own_number = ctypes.CDLL(torch._C.__file__).omp_get_thread_num
    met = []
    team(work_type(lambda _: met.append(own_number())), None, 3, 0)
    assert sorted(met) == [0, 1, 2]
