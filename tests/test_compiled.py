"""The package's compiled parts and the threads they run on."""

import ctypes
import sys

import pytest
import torch

from seatbelt_vae.compiled import compiled_part, threads_of_torch
from seatbelt_vae.models.ends.native import _Ends
from seatbelt_vae.models.ends.native import native_code as ends_code
from seatbelt_vae.models.normalised.native import _Layer
from seatbelt_vae.optim.memory.native import _Memory
from seatbelt_vae.passes import compiled_passes

compiled = pytest.mark.skipif(ends_code() is None, reason="the package has no compiled code")
ROOMS = {"models.ends": _Ends, "models.normalised": _Layer, "optim.memory": _Memory}


def test_a_part_that_was_not_built_is_none():
    assert compiled_part("seatbelt_vae.optim") is None


def test_a_part_built_for_another_machine_is_none(tmp_path, monkeypatch):
    room = tmp_path / "elsewhere"
    room.mkdir()
    (room / "__init__.py").touch()
    suffix = ".pyd" if sys.platform == "win32" else ".so"
    (room / f"_native{suffix}").write_bytes(b"\x7fELF of no machine")
    monkeypatch.syspath_prepend(tmp_path)
    assert compiled_part("elsewhere") is None


@pytest.mark.skipif(
    sys.platform != "linux" or not torch.backends.openmp.is_available(),
    reason="torch runs on another OpenMP here",
)
def test_the_threads_are_those_that_torch_runs_on():
    address = threads_of_torch()
    assert address is not None
    work_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    team = ctypes.CFUNCTYPE(None, work_type, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)(address)
    own_number = ctypes.CDLL(torch._C.__file__).omp_get_thread_num
    met = []
    team(work_type(lambda _: met.append(own_number())), None, 3, 0)
    assert sorted(met) == [0, 1, 2]


@compiled
@pytest.mark.parametrize(("room", "subject"), ROOMS.items(), ids=ROOMS)
def test_passes_are_of_the_same_fields(room, subject, caplog):
    assert compiled_passes(f"seatbelt_vae.{room}", subject) is not None
    assert not caplog.records


@compiled
@pytest.mark.parametrize("room", [*ROOMS, "objectives.mixtures"])
def test_passes_compiled_from_other_code_are_left_out(room, caplog):
    class Other(ctypes.Structure):
        _fields_ = (("x", ctypes.c_void_p),)

    assert compiled_passes(f"seatbelt_vae.{room}", Other) is None
    (record,) = caplog.records
    assert record.getMessage() == (
        f"seatbelt_vae.{room} was compiled from other code and is left out, which is slower: "
        "install the package again"
    )
