"""A verb imports the rooms it needs, and no others."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from importlib import import_module
from seatbelt_vae.cli.parsing import parse
parse([{verb!r}, "runs/some"])
import_module("seatbelt_vae.cli.{verb}")
rooms = {{name.split(".")[1] for name in sys.modules if name.startswith("seatbelt_vae.")}}
print(*sorted(rooms & {{"paper", "demo", "report", "sweep", "sharing"}}))
"""


@pytest.mark.parametrize("verb", ["attack", "train", "evaluate"])
def test_pages_sweeps_and_the_paper_are_not_imported(verb: str) -> None:
    program = PROGRAM.format(verb=verb)
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert found.stdout.split() == []
