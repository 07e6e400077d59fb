"""Data sets with unreadable files or folders: one error that names them."""

import tempfile
from pathlib import Path

import pytest

from seatbelt_vae.data import load_data
from seatbelt_vae.errors import DataError
from tests.data.written_sets import WRITERS

from .test_data_files import without_privileges


@pytest.fixture
def open_folder(monkeypatch):
    """A folder any user can look into, with a cache that any can write, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "cache").mkdir()
        (folder / "cache").chmod(0o777)
        monkeypatch.setenv("SEATBELT_CACHE", str(folder / "cache"))
        yield folder


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_may_not_be_read_is_named(open_folder, name):
    (open_folder / "set").mkdir()
    asked = WRITERS[name](open_folder / "set")
    for path in (open_folder / "set").rglob("*"):
        if path.is_file():
            path.chmod(0)
    with without_privileges():
        with pytest.raises(DataError, match="Permission denied") as caught:
            load_data(*asked)
        assert str(open_folder / "set") in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not list((open_folder / "cache").iterdir())


@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_that_may_not_be_looked_into_is_named(open_folder, name):
    (open_folder / "set").mkdir()
    asked = WRITERS[name](open_folder / "set")
    (open_folder / "set").chmod(0)
    with without_privileges(), pytest.raises(DataError, match="Permission denied") as caught:
        load_data(*asked)
    assert str(open_folder / "set") in str(caught.value)
