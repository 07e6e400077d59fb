"""What holds for the whole suite: one data cache, one thread a process, the shared samples."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing import forkserver
from pathlib import Path

import pytest

from seatbelt_vae.sweep.engine import HEAVY

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Give all processes of this run one data cache, away from the user's own, and one thread."""
    # a background job begins with interrupts ignored, and what it starts inherits that
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # operations this small only wait for one another's threads; pytest -n uses the cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if "PYTEST_XDIST_WORKER" not in os.environ and "SEATBELT_CACHE" not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="seatbelt-cache-")
        os.environ["SEATBELT_CACHE"] = folder.name
        config.add_cleanup(folder.cleanup)


@pytest.fixture(autouse=True)
def _own_path() -> Iterator[None]:
    """References to files make their folders importable: of the modules of one test only."""
    before = [*sys.path]
    yield
    sys.path[:] = before


@pytest.fixture(scope="session", autouse=True)
def _fork_server() -> None:
    """Start the one fork server of this process with the slow imports, as a sweep does.

    Started by a test without them, it would let the processes of later tests import torch: 3 s.
    """
    if sys.platform == "linux":
        forkserver.set_forkserver_preload([*HEAVY, "seatbelt_vae.auditing.page"])
        forkserver.ensure_running()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared sample data; tests that need it are skipped where it is missing."""
    path = ROOT / os.environ.get("SEATBELT_SHARED", "../shared")
    if not path.is_dir():
        pytest.skip(f"no shared sample data at {path} (set SEATBELT_SHARED)")
    return path
