"""One headless browser per file of tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from .visitor import chromium, skip_without_browser


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    """A headless Chromium; its tests are skipped where there is none."""
    skip_without_browser()
    with chromium() as found:
        yield found
