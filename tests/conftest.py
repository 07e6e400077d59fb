"""Fixtures of the whole suite: the shared sample data, if it is there."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared sample data; tests that need it are skipped where it is missing."""
    path = ROOT / os.environ.get("SEATBELT_SHARED", "../shared")
    if not path.is_dir():
        pytest.skip(f"no shared sample data at {path} (set SEATBELT_SHARED)")
    return path
