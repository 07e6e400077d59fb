"""Synthetic demos of 5 and of 12 pairs, and parsed reports of them."""

from pathlib import Path

import pytest

from seatbelt_vae.report import write_report
from tests.report.page import Page
from tests.report.synthetic import write_demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three finished runs with 5 pairs; not to be changed."""
    return [run.path for run in write_demo(tmp_path_factory.mktemp("five"))]


@pytest.fixture(scope="session")
def large_demo(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three finished runs with 12 pairs; not to be changed."""
    return [run.path for run in write_demo(tmp_path_factory.mktemp("twelve"), pairs=12)]


@pytest.fixture(scope="session")
def page(demo: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The report of the small demo."""
    return Page.of(write_report(demo, tmp_path_factory.mktemp("page") / "report.html"))


@pytest.fixture(scope="session")
def large_page(large_demo: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The report of the large demo."""
    return Page.of(write_report(large_demo, tmp_path_factory.mktemp("page") / "report.html"))
