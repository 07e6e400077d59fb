"""The site, built from the documents as they are."""

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["PACKAGES", "build_site"]

PACKAGES = ("sphinx", "myst_parser", "furo", "sphinx_copybutton")
DOCS = Path(__file__).parents[2] / "docs"


def build_site(place: Path) -> Path:
    """Build the site below ``place``, where a warning is an error; the folder of its pages."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", place / "doctrees", DOCS, place / "html"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr
    return place / "html"
