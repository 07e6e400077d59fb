"""A verb imports the rooms it needs, and no others."""

import subprocess
import sys

PROGRAM = """
import sys
from importlib import import_module
from seatbelt_vae.cli.parsing import parse
for verb in ("attack", "train", "evaluate"):
    parse([verb, "runs/some"])
    import_module(f"seatbelt_vae.cli.{verb}")
rooms = {name.split(".")[1] for name in sys.modules if name.startswith("seatbelt_vae.")}
print(*sorted(rooms & {"paper", "demo", "report", "sweep", "sharing"}))
"""


def test_pages_sweeps_and_the_paper_are_not_imported() -> None:
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    assert found.stdout.split() == []
